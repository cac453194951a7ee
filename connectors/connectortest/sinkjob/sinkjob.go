package sinkjob

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
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

// Names of every job.
const (
	JobID = "5eed"
	Sink  = "out"
)

// Writer is a writer of the sink.
type Writer interface {
	connectors.SinkWriter
	checkpoint.Preparer
}

// OpenedSink is the sink.
type OpenedSink interface {
	connectors.Sink
	connectors.CommitterOpener
}

// Job is one job from its first claim on, over all its processes. S and W are the types of its
// sink and its writers. Make it with New; the other fields may be changed between calls.
type Job[S OpenedSink, W Writer] struct {
	T        *testing.T
	Ctx      context.Context
	Disk     *fstest.Disk
	OnDisk   filesystem.FileSystem // instead of Disk, when set
	Hooks    []fstest.Hook         // between the local implementation and the disk
	Config   connectors.SinkConfig
	Now      func() time.Time
	Bucketer connectors.BucketAssigner // nil for sinks without buckets

	Claim   uint64
	Epoch   checkpoint.Epoch // last decided one
	Applied checkpoint.Epoch
	Decided map[checkpoint.Epoch][]checkpoint.Committable
	Held    map[checkpoint.Epoch][]checkpoint.Committable
	Named   []checkpoint.Epoch // retained epochs; nil is all
	// Accepted are the final names whose loss a person has accepted.
	Accepted []string

	// Of the process that runs.

	Sink      S
	Committer checkpoint.Committer
	Writers   []W
	Faults    []string // "record: function: text"

	read map[filesystem.Info]string // by the call of Files before
}

// New returns a job that has not started, on an empty disk. It checks config.
func New[S OpenedSink, W Writer](t *testing.T, config connectors.SinkConfig) *Job[S, W] {
	t.Helper()
	var p connectors.Problems
	config.Validate(&p)
	require.Empty(t, p.List)
	return &Job[S, W]{
		T: t, Ctx: t.Context(), Disk: fstest.NewDisk(), Config: config, Now: time.Now,
		Decided: map[checkpoint.Epoch][]checkpoint.Committable{},
		Held:    map[checkpoint.Epoch][]checkpoint.Committable{},
	}
}

// FileSystem returns what the sink writes to.
func (j *Job[S, W]) FileSystem() filesystem.FileSystem {
	if j.OnDisk != nil {
		return j.OnDisk
	}
	return local.New(local.Options{Disk: fstest.WrapDisk(j.Disk, j.Hooks...), Nonce: "test"})
}

// View returns what a reader looks with: the same, past the hooks.
func (j *Job[S, W]) View() filesystem.FileSystem {
	if j.OnDisk != nil {
		return j.OnDisk
	}
	return local.New(local.Options{Disk: j.Disk})
}

// Env returns what the host lends to the sink of a job with so many tasks.
func (j *Job[S, W]) Env(tasks int) connectors.Env {
	return connectors.Env{
		Job: "test", JobID: JobID, Name: Sink, Parallelism: tasks, Now: j.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			p, err := local.Path(url)
			return j.FileSystem(), p, err
		},
	}
}

// Start claims the job, recovers, and opens so many writers on top of the last decided epoch. What
// the process before it had open is forgotten, as if it had died.
func (j *Job[S, W]) Start(tasks int) error {
	j.Claim++
	opened, err := j.Config.Open(j.Ctx, j.Env(tasks))
	if err != nil {
		return err
	}
	j.Sink = opened.(S)
	owner := checkpoint.Owner{Number: j.Claim, Nonce: fmt.Sprintf("%08x", j.Claim)}
	j.Committer, err = j.Sink.OpenCommitter(j.Ctx, connectors.CommitterContext{Owner: owner})
	if err != nil {
		return err
	}
	if err := j.Committer.Recover(j.Ctx, j.Decided[j.Epoch], j.Retained()); err != nil {
		return err
	}
	j.Applied = j.Epoch
	j.Writers = nil
	for task := range tasks {
		w, err := j.Sink.OpenWriter(j.Ctx, connectors.WriterContext{
			Task: task, Owner: owner, Bucketer: j.Bucketer, Faults: j.fault,
		})
		if err != nil {
			return err
		}
		j.Writers = append(j.Writers, w.(W))
	}
	return nil
}

// Retained returns what a commit log tells a claim about the epochs that it keeps.
func (j *Job[S, W]) Retained() checkpoint.Retained {
	keep := checkpoint.Retained{Claim: j.Claim, Applied: j.Applied, Accepted: j.Accepted}
	for _, e := range slices.Sorted(maps.Keys(j.Decided)) {
		if j.Named == nil || slices.Contains(j.Named, e) {
			keep.Named = append(append(keep.Named, j.Decided[e]...), j.Held[e]...)
		}
	}
	keep.Held = j.Held[j.Epoch]
	return keep
}

func (j *Job[S, W]) fault(r *connectors.Record, f connectors.Fault) error {
	j.Faults = append(j.Faults, fmt.Sprintf("%s: %s: %s", r.Value, f.Function, f.Text))
	return nil
}

// Decide prepares the next epoch on all tasks and decides it.
func (j *Job[S, W]) Decide() checkpoint.Epoch {
	j.T.Helper()
	e := j.Epoch + 1
	var all []checkpoint.Committable
	for _, w := range j.Writers {
		require.NoError(j.T, w.Flush(j.Ctx))
		cs, err := w.Prepare(j.Ctx, e)
		require.NoError(j.T, err)
		all = append(all, cs...)
	}
	require.NoError(j.T, j.Settle(e, false, all))
	j.Epoch = e
	return e
}

// Settle decides what was prepared for an epoch, as the committer settles it.
func (j *Job[S, W]) Settle(
	e checkpoint.Epoch, final bool, prepared []checkpoint.Committable,
) error {
	publish, hold := prepared, j.Held[j.Epoch]
	if s, ok := j.Committer.(checkpoint.Settler); ok && s.Settles() {
		var err error
		if publish, hold, err = s.Settle(j.Ctx, e, final, prepared); err != nil {
			return err
		}
	}
	for i := range publish {
		publish[i].Epoch = e
	}
	j.Decided[e], j.Held[e] = publish, hold
	return nil
}

// Commit commits a decided epoch. The log does not learn of it: that is j.Applied.
func (j *Job[S, W]) Commit(e checkpoint.Epoch) {
	j.T.Helper()
	require.NoError(j.T, j.Committer.Commit(j.Ctx, j.Decided[e]))
}

// Close ends the process in order, closing writers twice.
func (j *Job[S, W]) Close() {
	j.T.Helper()
	for _, w := range j.Writers {
		require.NoError(j.T, w.Close())
		require.NoError(j.T, w.Close())
	}
	require.NoError(j.T, j.Committer.Close())
	require.NoError(j.T, j.Sink.Close())
}

// Files returns what a reader sees below root: content by path relative to it. A file that is the
// same as in the call before is not read again from OnDisk, where that may take long.
func (j *Job[S, W]) Files(root string) map[string]string {
	j.T.Helper()
	files := map[string]string{}
	read := map[filesystem.Info]string{}
	defer func() { j.read = read }()
	for info, err := range j.View().List(j.Ctx, root, true) {
		if err != nil {
			require.ErrorIs(j.T, err, filesystem.ErrNotFound)
			return files
		}
		name := strings.TrimPrefix(info.Path, root+"/")
		if info.Dir || strings.HasPrefix(name, filesystem.StagingFolder) {
			continue
		}
		text, ok := j.read[info]
		if !ok || j.OnDisk == nil {
			data, err := j.View().ReadFile(j.Ctx, info.Path, 1<<30)
			require.NoError(j.T, err)
			text = string(data)
		}
		files[name], read[info] = text, text
	}
	return files
}
