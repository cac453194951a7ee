package kafka

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// TestLogConformance holds the commit log over a session to the contract of all commit logs.
func TestLogConformance(t *testing.T) {
	var jobs atomic.Int32
	checkpointtest.RunLog(t, func(t *testing.T) checkpointtest.LogHarness {
		c, fs := newCluster(t), local.New(local.Options{Disk: fstest.NewDisk()})
		job := "conform-" + strconv.Itoa(int(jobs.Add(1)))
		return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
			return openLog(t, c.exactlyOnce(""), fs, job)
		}}
	})
}

// openLog opens the log of a process.
func openLog(t *testing.T, config *SinkConfig, fs filesystem.FileSystem, job string) *txlog.Log {
	t.Helper()
	env := testEnv("out", 1)
	env.Job = job
	s, err := config.OpenSession(t.Context(), env, SessionOptions{})
	require.NoError(t, err)
	store, err := storelog.NewJobStore(fs, "/store", job, nil)
	require.NoError(t, err)
	l, err := txlog.New(txlog.Options{
		Session: s, Store: store, Name: "kafka:out", Job: job, Takeover: true,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	return l
}

// run is a process of a job that writes to a sink exactly once, driven by a test as an engine
// would: epochs are decided when the test says so.
type run struct {
	t       *testing.T
	log     *txlog.Log
	m       checkpoint.Manifest // the last that was decided
	writers []connectors.SinkWriter
	sinks   []connectors.Sink
}

// jobOf is a job whose processes follow each other in the folder of one store.
type jobOf struct {
	*cluster
	fs   filesystem.FileSystem
	name string
}

func (c *cluster) job(name string) *jobOf {
	return &jobOf{c, local.New(local.Options{Disk: fstest.NewDisk()}), name}
}

// start claims and opens the writers of tasks to every sink.
func (j *jobOf) start(tasks int, configs ...*SinkConfig) *run {
	j.t.Helper()
	r := &run{t: j.t, log: openLog(j.t, configs[0], j.fs, j.name)}
	var err error
	r.m, _, err = r.log.Claim(j.t.Context())
	require.NoError(j.t, err)
	tx, err := r.log.Begin(j.t.Context(), r.m.Epoch+1)
	require.NoError(j.t, err)
	for _, config := range configs {
		s, err := config.Open(j.t.Context(), testEnv("out", tasks))
		require.NoError(j.t, err)
		r.sinks = append(r.sinks, s)
		for task := range tasks {
			w, err := s.OpenWriter(j.t.Context(), connectors.WriterContext{Task: task, Tx: tx})
			require.NoError(j.t, err)
			r.writers = append(r.writers, w)
		}
	}
	j.t.Cleanup(r.kill)
	return r
}

// write writes values by the writers in turn.
func (r *run) write(values ...string) {
	r.t.Helper()
	for i, v := range values {
		require.NoError(r.t, r.writers[i%len(r.writers)].Write(r.t.Context(), batchOf(v)))
	}
}

// snapshot decides an epoch and begins the next one.
func (r *run) snapshot() {
	r.t.Helper()
	require.NoError(r.t, r.tryPrepare())
	require.NoError(r.t, r.tryDecide())
	_, err := r.log.Begin(r.t.Context(), r.m.Epoch+1)
	require.NoError(r.t, err)
}

func (r *run) tryPrepare() error {
	for _, w := range r.writers {
		if err := w.Flush(r.t.Context()); err != nil {
			return err
		}
		if _, err := w.(checkpoint.Preparer).Prepare(r.t.Context(), r.m.Epoch+1); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) tryDecide() error {
	m := r.m
	m.Kind, m.Epoch, m.Owner = checkpoint.KindEpoch, m.Epoch+1, r.log.Owner()
	m.Parallelism = len(r.writers)
	if err := r.log.Decide(r.t.Context(), m); err != nil {
		return err
	}
	r.m = m
	return r.log.Applied(r.t.Context(), m.Epoch)
}

// dirty ends the epoch for the writers, whose transaction then has all its records, and decides
// nothing.
func (r *run) dirty() {
	r.t.Helper()
	require.NoError(r.t, r.tryPrepare())
	require.NoError(r.t, r.session().current().client.Flush(r.t.Context()))
}

func (r *run) session() *Session {
	return r.writers[0].(*txWriter).tx.session
}

// kill ends the process at once: what is open stays open at the broker.
func (r *run) kill() {
	s := r.session()
	s.current().client.Close()
	s.plain.Close()
	for _, x := range r.sinks {
		_ = x.Close() // only clients
	}
}

// TestZombieWakesInTheMiddle: one that was away while another process took over decides nothing,
// whatever it does next, and says so for good.
func TestZombieWakesInTheMiddle(t *testing.T) {
	for name, wake := range map[string]func(*run) error{
		"writes and decides": func(r *run) error {
			r.writers[0].Write(context.Background(), batchOf("zombie"))
			_ = r.tryPrepare()
			return r.tryDecide()
		},
		"decides": func(r *run) error {
			_ = r.tryPrepare()
			return r.tryDecide()
		},
		"claims": func(r *run) error {
			_, _, err := r.log.Claim(context.Background())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.topic("out", 2)
			j := c.job("zombie")
			config := c.exactlyOnce("out")
			zombie := j.start(2, config)
			zombie.write("a", "b")
			zombie.snapshot()
			zombie.write("lost", "lost")
			owner := j.start(2, config)
			owner.write("c")
			owner.snapshot()
			require.ErrorIs(t, wake(zombie), checkpoint.ErrFenced)
			owner.write("d")
			owner.snapshot()
			require.ElementsMatch(t, []string{"a", "b", "c", "d"}, c.values("out"))
			require.Zero(t, c.held("out"))
		})
	}
}
