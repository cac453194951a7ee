package storelog

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

var update = flag.Bool("update", false, "rewrite the golden transcript")

// life is a run of two owners that a crash may end anywhere.
type life struct {
	tried, decided checkpoint.Epoch // highest epoch given to Decide, and answered with nil
	claimed        bool
}

const lifeModule = "module bytes"

// live plays the life on a disk and stops at the first error, like a process that dies.
func (s *store) live(hooks ...fstest.Hook) (life, error) {
	var out life
	disk := fstest.WrapDisk(s.disk, hooks...)
	for range 2 {
		l := s.open(func(o *Options) {
			o.FileSystem = local.New(local.Options{Disk: disk, Nonce: "nonce"})
			o.Retain = 2
		})
		if _, _, err := l.Claim(s.ctx); err != nil {
			return out, err
		}
		out.claimed = true
		sha, err := l.StoreModule(s.ctx, []byte(lifeModule))
		if err != nil {
			return out, err
		}
		for range 3 {
			m := manifest(l)
			m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: sha}}
			out.tried = m.Epoch
			if err := l.Decide(s.ctx, m); err != nil {
				return out, err
			}
			out.decided = m.Epoch
			if err := l.Applied(s.ctx, m.Epoch); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// afterCrash starts a new owner on what is left and checks every promise that was given.
func (s *store) afterCrash(before life) {
	s.t.Helper()
	l := s.open(nil)
	m, found, err := l.Claim(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, before.claimed, before.claimed && found, "a claim that returned was lost")
	var last checkpoint.Epoch
	if len(m.Committables) > 0 {
		last = m.Committables[0].Epoch
	}
	require.GreaterOrEqual(s.t, last, before.decided, "a decided epoch was lost")
	require.LessOrEqual(s.t, last, before.tried, "an epoch came from nowhere")
	for _, module := range m.Modules {
		data, err := l.ReadModule(s.ctx, module.SHA256)
		require.NoError(s.t, err)
		require.Equal(s.t, lifeModule, string(data))
	}
	require.NoError(s.t, l.Decide(s.ctx, manifest(l)))
	require.NoError(s.t, l.Applied(s.ctx, l.last))
}

// TestEveryCrashPoint stops a life before each call to the disk, leaves what a kill -9 or a power
// failure would leave, and goes on with a new owner.
func TestEveryCrashPoint(t *testing.T) {
	calls := 0
	whole, err := newStore(t).live(func(op fstest.Op) fstest.Fault {
		calls = op.N
		return fstest.Fault{}
	})
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(8), whole.decided)
	for n := 1; n <= calls; n++ {
		crashed := newStore(t)
		before, err := crashed.live(fstest.CrashAt(n))
		if err != nil {
			require.ErrorIs(t, err, fstest.ErrCrashed, "call %d", n)
		}
		leftovers := map[string]*fstest.Disk{"kill": crashed.disk.Clone()}
		for seed, keep := range []int{0, 50, 50, 50} {
			leftovers[fmt.Sprintf("power failure, seed %d, %d%% kept", seed, keep)] =
				crashed.disk.CrashClone(uint64(seed), keep)
		}
		for name, disk := range leftovers {
			after := &store{t: t, ctx: context.WithoutCancel(t.Context()), disk: disk, logs: 10}
			after.afterCrash(before)
			require.False(t, t.Failed(), "call %d, %s", n, name)
		}
	}
}

// TestTranscript holds the order of system calls: a missing sync is a missing line.
func TestTranscript(t *testing.T) {
	s := newStore(t)
	r := &fstest.Recorder{Root: testRoot}
	disk := fstest.WrapDisk(s.disk, r.Hook)
	l := s.open(func(o *Options) {
		o.FileSystem = local.New(local.Options{Disk: disk, Nonce: "nonce"})
		o.Retain = 1
	})
	r.Note("Claim")
	_, _, err := l.Claim(s.ctx)
	require.NoError(t, err)
	r.Note("StoreModule")
	sha, err := l.StoreModule(s.ctx, []byte(lifeModule))
	require.NoError(t, err)
	m := manifest(l)
	m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: sha}}
	r.Note("Decide")
	require.NoError(t, l.Decide(s.ctx, m))
	r.Note("Applied")
	require.NoError(t, l.Applied(s.ctx, m.Epoch))
	r.Note("Decide")
	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	r.Note("Applied")
	require.NoError(t, l.Applied(s.ctx, l.last))

	golden := filepath.Join("testdata", "transcript.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(r.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), r.String())
}
