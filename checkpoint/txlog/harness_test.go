package txlog_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	testRoot    = "/store"
	testDir     = testRoot + "/" + testJob
	testJob     = "orders"
	testName    = "kafka:out"
	testID      = "wasmflow.orders.0"
	testCommits = "wasmflow.orders.commits"
)

// world is a broker and a disk on which several processes work.
type world struct {
	t       *testing.T
	ctx     context.Context
	cluster *broker.Broker
	disk    *fstest.Disk
	clock   time.Duration // of all processes and the broker
	onSleep func()        // called once, when a process sleeps; nil for nothing
	logs    int
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, ctx: t.Context(), disk: fstest.NewDisk()}
	w.cluster = broker.New(broker.Options{
		Now: func() time.Duration { return w.clock }, TransactionTimeout: time.Minute,
	})
	return w
}

// options are what a process is made with.
type options struct {
	txlog.Options
	call  func(broker.Call) broker.Fault
	hooks []fstest.Hook
	root  string
	job   string
	lock  storelog.Locker
}

// process is a process of the job with both logs; which one it uses is up to the test.
type process struct {
	*txlog.Log
	store *storelog.Log
	fs    filesystem.FileSystem
}

// open returns the logs of a new process.
func (w *world) open(change func(*options)) *process {
	w.t.Helper()
	w.logs++
	id, claims := w.logs, 0
	o := options{root: testRoot, job: testJob}
	nonce := func() string {
		claims++
		return fmt.Sprintf("%04x%04x", id, claims)
	}
	o.Options = txlog.Options{
		Name: testName, Host: "host", PID: id,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:    func() time.Time { return time.UnixMilli(1_700_000_000_000).Add(w.clock) },
		Sleep:  w.sleep, Jitter: func(time.Duration) time.Duration { return 0 },
		Nonce: nonce, NewID: func() string { return fmt.Sprintf("jobid%d", id) },
	}
	if change != nil {
		change(&o)
	}
	p := &process{fs: fstest.Wrap(local.New(local.Options{Disk: w.disk}), o.hooks...)}
	store, err := storelog.NewJobStore(p.fs, o.root, o.job, o.lock)
	require.NoError(w.t, err)
	o.Store, o.Job = store, o.job
	o.Session = broker.NewClient(broker.ClientOptions{
		Broker: w.cluster, ID: testID, Commits: testCommits, Call: o.call,
	})
	o.Previous = p.previous
	p.Log, err = txlog.New(o.Options)
	require.NoError(w.t, err)
	p.store, err = storelog.New(storelog.Options{
		FileSystem: p.fs, Root: o.root, Job: o.job, Host: "host", PID: id, Logger: o.Logger,
		Now: o.Now, Nonce: nonce, NewID: o.NewID, Previous: p.previous, Fresh: o.Fresh,
	})
	require.NoError(w.t, err)
	return p
}

// previous opens the other log of the process.
func (p *process) previous(_ context.Context, log string) (checkpoint.Sealer, error) {
	switch log {
	case storelog.Name:
		return open{p.store}, nil
	case testName:
		return open{p.Log}, nil
	}
	return nil, fmt.Errorf("%w: no sink for log %q", checkpoint.ErrRefused, log)
}

// open is a log that the test goes on with after it was sealed.
type open struct{ checkpoint.Sealer }

func (open) Close() error { return nil }

func (w *world) sleep(_ context.Context, d time.Duration) error {
	w.clock += d
	if f := w.onSleep; f != nil {
		w.onSleep = nil
		f()
	}
	return nil
}

// claim opens the logs of a new process and claims in the topic.
func (w *world) claim(change func(*options)) *process {
	w.t.Helper()
	p := w.open(change)
	_, _, err := p.Claim(w.ctx)
	require.NoError(w.t, err)
	return p
}

// log is either log.
type log interface {
	checkpoint.CommitLog
	checkpoint.Sealer
}

var _ = []log{(*txlog.Log)(nil), (*storelog.Log)(nil)}

// manifest is what l would decide after m.
func manifest(l checkpoint.CommitLog, m checkpoint.Manifest) checkpoint.Manifest {
	e := m.Epoch + 1
	return checkpoint.Manifest{
		Kind: checkpoint.KindEpoch, Epoch: e, JobID: m.JobID, JobName: m.JobName, Owner: l.Owner(),
		Parallelism: 1, Generation: 1, Log: m.Log,
		Sources: []checkpoint.SourceState{{Name: "in", Splits: []checkpoint.Split{
			{ID: "a", Position: checkpoint.Position{Version: 1, Data: []byte(fmt.Sprint(e))}},
		}}},
		Committables: []checkpoint.Committable{{Sink: "files", Epoch: e, Claim: l.Owner().Number,
			Version: 1, Data: []byte(fmt.Sprintf("part-%d", e))}},
	}
}

// decide begins, decides and marks n epochs after m, and returns the last one.
func (w *world) decide(l checkpoint.CommitLog, m checkpoint.Manifest, n int) checkpoint.Manifest {
	w.t.Helper()
	for range n {
		m = manifest(l, m)
		_, err := l.Begin(w.ctx, m.Epoch)
		require.NoError(w.t, err)
		require.NoError(w.t, l.Decide(w.ctx, m))
		require.NoError(w.t, l.Applied(w.ctx, m.Epoch))
	}
	return m
}

// run claims with l and decides n epochs.
func (w *world) run(l checkpoint.CommitLog, n int) checkpoint.Manifest {
	w.t.Helper()
	m, _, err := l.Claim(w.ctx)
	require.NoError(w.t, err)
	return w.decide(l, m, n)
}
