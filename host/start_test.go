package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/task"
)

// brokenLog refuses to be claimed.
type brokenLog struct {
	memoryLog
	err error
}

func (l *brokenLog) Claim(context.Context) (checkpoint.Manifest, bool, error) {
	return checkpoint.Manifest{}, false, l.err
}

func TestEngineIsNotRestartedBeforeItWorked(t *testing.T) {
	denied := fmt.Errorf("opening part: %w", filesystem.ErrReadOnly)
	var start *StartError

	b := newBench(countingJob)
	e := b.engine(t)
	e.cfg.Log = &brokenLog{err: errors.New("store is away")}
	res, err := e.Run(t.Context())
	require.ErrorAs(t, err, &start)
	require.ErrorContains(t, err, "store is away")
	require.Equal(t, checkpoint.Fatal, res.Outcome)

	b = newBench(countingJob)
	b.sink.write = func(string) error { return denied }
	e = b.engine(t)
	_, err = e.Run(t.Context())
	require.ErrorAs(t, err, &start)
	require.Zero(t, e.Status().Restarts)
	var stage *task.StageError
	require.ErrorAs(t, err, &stage)
	require.Equal(t, "out", stage.Stage)

	// What worked before is restarted whatever the reason, until its strategy gives up.
	b = newBench(strings.Replace(countingJob, "count = 20000", "rate = 50000", 1))
	b.sink.write = func(string) error {
		if e.Status().Epoch > 0 {
			return denied
		}
		return nil
	}
	e = b.engine(t)
	_, err = e.Run(t.Context())
	require.ErrorIs(t, err, filesystem.ErrReadOnly)
	require.False(t, errors.As(err, &start), "%v", err)
	require.Equal(t, 20, e.Status().Restarts)
}

func TestStatusTellsHowFarSourcesAre(t *testing.T) {
	b := newBench(countingJob)
	e := b.engine(t)
	_, err := e.Run(t.Context())
	require.NoError(t, err)
	s := e.Status()
	require.Equal(t, map[string]SourceStatus{"lines": {Splits: 0, Finished: true}}, s.Sources)
	require.Positive(t, s.CheckpointDuration)
	require.Zero(t, s.CheckpointFailures)
	require.Empty(t, e.Modules())
}
