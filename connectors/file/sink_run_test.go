package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	sinkRoot = "/data/out"
	sinkName = "out"
	sinkJob  = "5eed"
)

// sinkRun drives the sink as an engine would, on a disk in memory.
type sinkRun struct {
	t      *testing.T
	ctx    context.Context
	disk   *fstest.Disk
	hooks  []fstest.Hook
	config *SinkConfig

	claim   uint64
	epoch   checkpoint.Epoch
	applied checkpoint.Epoch
	decided map[checkpoint.Epoch][]checkpoint.Committable
	named   []checkpoint.Epoch // retained epochs; nil is all

	sink      *Sink
	committer checkpoint.Committer
	writers   []*sinkWriter
	faults    []string
}

func newSinkRun(t *testing.T, change ...func(*SinkConfig)) *sinkRun {
	t.Helper()
	r := &sinkRun{
		t: t, ctx: t.Context(), disk: fstest.NewDisk(), config: NewSinkConfig(),
		decided: map[checkpoint.Epoch][]checkpoint.Committable{},
	}
	r.config.Path = sinkRoot
	for _, f := range change {
		f(r.config)
	}
	var p connectors.Problems
	r.config.Validate(&p)
	require.Empty(t, p.List)
	return r
}

func replacing(c *SinkConfig) { c.WriteMode = overwrite }

func (r *sinkRun) fs() *local.FileSystem {
	return local.New(local.Options{Disk: fstest.WrapDisk(r.disk, r.hooks...), Nonce: "test"})
}

// put makes a file of somebody else's.
func (r *sinkRun) put(p, content string) {
	r.t.Helper()
	fs := local.New(local.Options{Disk: r.disk})
	require.NoError(r.t, fs.WriteFile(r.ctx, p, []byte(content)))
}

func (r *sinkRun) env(tasks int) connectors.Env {
	return connectors.Env{
		Job: "test", JobID: sinkJob, Name: sinkName, Parallelism: tasks, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			p, err := local.Path(url)
			return r.fs(), p, err
		},
	}
}

func (r *sinkRun) start(tasks int) *sinkRun {
	r.t.Helper()
	require.NoError(r.t, r.tryStart(tasks))
	return r
}

func (r *sinkRun) tryStart(tasks int) error {
	r.claim++
	opened, err := r.config.Open(r.ctx, r.env(tasks))
	if err != nil {
		return err
	}
	r.sink = opened.(*Sink)
	owner := checkpoint.Owner{Number: r.claim, Nonce: fmt.Sprintf("%08x", r.claim)}
	r.committer, err = r.sink.OpenCommitter(r.ctx, connectors.CommitterContext{Owner: owner})
	if err != nil {
		return err
	}
	if err := r.committer.Recover(r.ctx, r.decided[r.epoch], r.retained()); err != nil {
		return err
	}
	r.applied = r.epoch
	r.writers = nil
	for task := range tasks {
		w, err := r.sink.OpenWriter(r.ctx, connectors.WriterContext{
			Task: task, Owner: owner, Faults: r.fault,
		})
		if err != nil {
			return err
		}
		r.writers = append(r.writers, w.(*sinkWriter))
	}
	return nil
}

func (r *sinkRun) retained() checkpoint.Retained {
	keep := checkpoint.Retained{Claim: r.claim, Applied: r.applied}
	for e := range r.decided {
		if r.named == nil || slices.Contains(r.named, e) {
			keep.Named = append(keep.Named, r.decided[e]...)
		}
	}
	return keep
}

func (r *sinkRun) fault(rec *connectors.Record, f connectors.Fault) error {
	r.faults = append(r.faults, fmt.Sprintf("%s: %s: %s", rec.Value, f.Function, f.Text))
	return nil
}

func (r *sinkRun) write(task int, values ...string) *sinkRun {
	r.t.Helper()
	var b connectors.Batch
	for _, v := range values {
		b.Append().Value = []byte(v)
	}
	require.NoError(r.t, r.writers[task].Write(r.ctx, &b))
	return r
}

func (r *sinkRun) flush() *sinkRun {
	r.t.Helper()
	for _, w := range r.writers {
		require.NoError(r.t, w.OnTime(r.ctx, time.Now()))
	}
	return r
}

// decide prepares and decides an epoch.
func (r *sinkRun) decide() *sinkRun {
	r.t.Helper()
	e := r.epoch + 1
	var all []checkpoint.Committable
	for _, w := range r.writers {
		require.NoError(r.t, w.Flush(r.ctx))
		cs, err := w.Prepare(r.ctx, e)
		require.NoError(r.t, err)
		all = append(all, cs...)
	}
	r.epoch, r.decided[e] = e, all
	return r
}

func (r *sinkRun) commit() *sinkRun {
	r.t.Helper()
	require.NoError(r.t, r.committer.Commit(r.ctx, r.decided[r.epoch]))
	r.applied = r.epoch
	return r
}

func (r *sinkRun) close() *sinkRun {
	r.t.Helper()
	for _, w := range r.writers {
		require.NoError(r.t, w.Close())
		require.NoError(r.t, w.Close())
	}
	require.NoError(r.t, r.committer.Close())
	require.NoError(r.t, r.sink.Close())
	return r
}

// files returns what a reader sees in the folder of the path.
func (r *sinkRun) files() map[string]string {
	r.t.Helper()
	files := map[string]string{}
	fs := local.New(local.Options{Disk: r.disk})
	for info, err := range fs.List(r.ctx, path.Dir(sinkRoot), true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break
		}
		require.NoError(r.t, err)
		name := strings.TrimPrefix(info.Path, path.Dir(sinkRoot)+"/")
		if info.Dir || strings.HasPrefix(name, filesystem.StagingFolder) {
			continue
		}
		data, err := fs.ReadFile(r.ctx, info.Path, 1<<30)
		require.NoError(r.t, err)
		files[name] = string(data)
	}
	return files
}

// staged returns the live names.
func (r *sinkRun) staged() []string {
	r.t.Helper()
	var names []string
	fs := local.New(local.Options{Disk: r.disk})
	for info, err := range fs.List(r.ctx, filesystem.Staging(path.Dir(sinkRoot), sinkJob), false) {
		require.NoError(r.t, err)
		names = append(names, path.Base(info.Path))
	}
	return names
}

type contents = map[string]string
