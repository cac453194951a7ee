package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/console"
)

func TestScreenKeepsTheLineAtTheBottom(t *testing.T) {
	var b bytes.Buffer
	s := newScreen(&b)
	s.show("")
	require.Empty(t, b.String(), "nothing is removed where nothing stands")
	n, err := s.Write([]byte("log 1\n"))
	require.NoError(t, err)
	require.Equal(t, 6, n)
	s.show("running")
	n, err = s.Write([]byte("log 2\n"))
	require.NoError(t, err)
	require.Equal(t, 6, n)
	s.show("")
	_, err = s.Write([]byte("log 3\n"))
	require.NoError(t, err)
	require.Equal(t, "log 1\n"+clearLine+"running"+clearLine+"log 2\nrunning"+clearLine+"log 3\n",
		b.String())
}

// brokenWriter is a terminal that is gone.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestScreenOutlivesItsTerminal(t *testing.T) {
	s := newScreen(brokenWriter{})
	s.show("running")
	_, err := s.Write([]byte("log\n"))
	require.Error(t, err)
}

func TestSnapshot(t *testing.T) {
	r := &runner{job: jobOf(t, chainJob), started: time.Unix(0, 0)}
	at := time.Unix(10, 0)
	got := snapshotOf(host.Status{
		State: checkpoint.StateDeciding.String(), Epoch: 7, Restarts: 2, CheckpointAge: 0.5, At: at,
		Stages: map[string]checkpoint.Count{
			"in": {In: 10, InBytes: 100, Out: 9, Skipped: 1}, "map": {In: 9, Out: 6, Dead: 2},
			"out": {In: 6, Out: 6}, "dead_letter": {In: 2, Out: 2},
		},
	}, r)
	require.Equal(t, console.Snapshot{
		At: at, Started: r.started, State: "running", In: 10, InBytes: 100, Out: 6, Skipped: 1, Dead: 2,
		Restarts: 2, Epoch: 7, Age: 500 * time.Millisecond, Lag: -1,
	}, got)
}

func TestStateOf(t *testing.T) {
	for want, states := range map[admin.State][]string{
		admin.StateStarting: {
			checkpoint.StateNew.String(), checkpoint.StateClaiming.String(),
			checkpoint.StateRecovering.String(),
		},
		admin.StateRunning: {
			checkpoint.StateRunning.String(), checkpoint.StatePreparing.String(),
			checkpoint.StateDeciding.String(), checkpoint.StateDecideWait.String(),
			checkpoint.StateCommitting.String(), checkpoint.StateCommitWait.String(),
		},
		admin.StateStopping: {
			checkpoint.StateStopping.String(), checkpoint.StateAborting.String(),
			checkpoint.StateEnded.String(),
		},
		admin.StateRestarting: {"restarting", checkpoint.Restart.String()},
		admin.StateDone:       {checkpoint.Finished.String(), checkpoint.Stopped.String()},
		admin.StateFailed:     {checkpoint.Fatal.String(), checkpoint.Fenced.String()},
	} {
		for _, s := range states {
			require.Equal(t, want, stateOf(host.Status{State: s}), s)
		}
	}
}

func TestLogFormats(t *testing.T) {
	var b bytes.Buffer
	logger, err := logFlags{"json", "warn"}.logger("run", &b)
	require.NoError(t, err)
	logger.Info("hidden")
	logger.Warn("shown", "n", 1)
	var line struct {
		Level slog.Level
		Msg   string
		N     int
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &line))
	require.Equal(t, "shown", line.Msg)
	require.Equal(t, 1, line.N)

	dir := folder(t, map[string]string{"job.toml": `
name = "logged"
sources.in = { connector = "collection", records = ["a"] }
sinks.out = { connector = "print", from = ["in"] }
`})
	got := do(t, "run", "--log-format", "json", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code)
	first, _, _ := strings.Cut(got.stderr, "\n")
	require.True(t, json.Valid([]byte(first)), first)
	require.Contains(t, first, `"key":"sinks.out"`)
}
