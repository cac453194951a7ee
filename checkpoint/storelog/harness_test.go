package storelog

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	testRoot = "/store"
	testJob  = "orders"
	testDir  = testRoot + "/" + testJob
)

// store is a disk on which several owners work.
type store struct {
	t    *testing.T
	ctx  context.Context
	disk *fstest.Disk
	logs int
}

func newStore(t *testing.T) *store {
	return &store{t: t, ctx: t.Context(), disk: fstest.NewDisk()}
}

func (s *store) fs(hooks ...fstest.Hook) filesystem.FileSystem {
	return fstest.Wrap(local.New(local.Options{Disk: s.disk}), hooks...)
}

// open returns a log as a new process would, with hooks on its file system.
func (s *store) open(change func(*Options), hooks ...fstest.Hook) *Log {
	s.t.Helper()
	s.logs++
	process, claims := s.logs, 0
	o := Options{
		FileSystem: s.fs(hooks...), Root: testRoot, Job: testJob, Host: "host", PID: process,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:    func() time.Time { return time.UnixMilli(1_700_000_000_000) },
		Nonce: func() string {
			claims++
			return fmt.Sprintf("%04x%04x", process, claims)
		},
		NewID: func() string { return "jobid" },
	}
	if change != nil {
		change(&o)
	}
	l, err := New(o)
	require.NoError(s.t, err)
	return l
}

// claim opens a log and claims.
func (s *store) claim(change func(*Options), hooks ...fstest.Hook) *Log {
	s.t.Helper()
	l := s.open(change, hooks...)
	_, _, err := l.Claim(s.ctx)
	require.NoError(s.t, err)
	return l
}

// manifest is what l would decide next.
func manifest(l *Log) checkpoint.Manifest {
	e := l.last + 1
	return checkpoint.Manifest{
		Kind: checkpoint.KindEpoch, Epoch: e, JobID: "jobid", JobName: testJob, Owner: l.Owner(),
		Parallelism: 1, Log: Name,
		Sources: []checkpoint.SourceState{{Name: "in", Splits: []checkpoint.Split{
			{ID: "a", Position: checkpoint.Position{Version: 1, Data: []byte(fmt.Sprint(e))}},
		}}},
		Committables: []checkpoint.Committable{{Sink: "out", Epoch: e, Claim: l.Owner().Number,
			Version: 1, Data: []byte(fmt.Sprintf("part-%d", e))}},
	}
}

// decide decides and marks n epochs.
func (s *store) decide(l *Log, n int) {
	s.t.Helper()
	for range n {
		m := manifest(l)
		require.NoError(s.t, l.Decide(s.ctx, m))
		require.NoError(s.t, l.Applied(s.ctx, m.Epoch))
	}
}

// files lists the folder of the job, without the numbers' zeros.
func (s *store) files() []string {
	s.t.Helper()
	var names []string
	for info, err := range s.fs().List(s.ctx, testDir, true) {
		require.NoError(s.t, err)
		if !info.Dir {
			name := strings.TrimPrefix(info.Path, testDir+"/")
			names = append(names, strings.ReplaceAll(name, "00000000000", ""))
		}
	}
	return names
}

func (s *store) view() *View {
	s.t.Helper()
	v, err := NewView(s.fs(), testRoot, testJob)
	require.NoError(s.t, err)
	return v
}

// damage overwrites a file with bytes that are no record.
func (s *store) damage(p string) {
	s.t.Helper()
	require.NoError(s.t, s.fs().WriteFile(s.ctx, p, []byte("damaged")))
}

func is(kind fstest.Kind, part string) func(fstest.Op) bool {
	return func(op fstest.Op) bool { return op.Kind == kind && strings.Contains(op.Path, part) }
}

// once accepts what match accepts, the first time only.
func once(match func(fstest.Op) bool) func(fstest.Op) bool {
	done := false
	return func(op fstest.Op) bool {
		if done || !match(op) {
			return false
		}
		done = true
		return true
	}
}

func (f *fakeLock) Lock(_ context.Context, takeover bool) error {
	if takeover {
		f.calls = append(f.calls, "take")
		return nil
	}
	f.calls = append(f.calls, "lock")
	if f.busy {
		return checkpoint.ErrBusy
	}
	return nil
}

func (f *fakeLock) Unlock() error {
	f.calls = append(f.calls, "unlock")
	return nil
}

// shorten takes the folder of the job out of a message.
func shorten(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, testDir+"/", ""), testDir, "")
}
