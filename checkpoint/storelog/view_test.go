package storelog

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
)

func TestViewOfAJobThatNeverRan(t *testing.T) {
	s := newStore(t)
	v := s.view()
	_, found, err := v.Last(s.ctx)
	require.NoError(t, err)
	require.False(t, found)
	entries, err := v.Describe(s.ctx)
	require.NoError(t, err)
	require.Empty(t, entries)
	text, err := v.Consequences(s.ctx, true, 0)
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestDescribe(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, 2)
	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	s.claim(nil)
	s.damage(l.Path(2))
	entries, err := s.view().Describe(s.ctx)
	require.NoError(t, err)
	require.Len(t, entries, 4)
	require.ErrorIs(t, entries[0].Err, checkpoint.ErrCorrupt)
	created := time.UnixMilli(1_700_000_000_000)
	require.Equal(t, []Entry{
		{Number: 3, Kind: checkpoint.KindEpoch, Owner: l.Owner(), Created: created, Parallelism: 1,
			Splits: 1, Committables: 1, Decided: true, Applied: true},
		{Number: 4, Kind: checkpoint.KindEpoch, Owner: l.Owner(), Created: created, Parallelism: 1,
			Splits: 1, Committables: 1, Decided: true},
	}, entries[1:3])
	require.Equal(t, checkpoint.KindClaim, entries[3].Kind)
	require.False(t, entries[3].Decided)
}

func TestConsequences(t *testing.T) {
	s := newStore(t)
	_, err := s.view().Consequences(s.ctx, false, 1)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
	require.ErrorContains(t, err, `job "orders" has decided no epoch yet`)
	s.decide(s.claim(nil), 3)
	text, err := s.view().Consequences(s.ctx, true, 0)
	require.NoError(t, err)
	require.Contains(t, text, `job "orders" begins anew although it has decided epochs up to 4 `+
		`(2023-11-14T22:13:20Z): the sources in are read`)
	text, err = s.view().Consequences(s.ctx, false, 3)
	require.NoError(t, err)
	require.Contains(t, text, "everything that was published after epoch 3 is written a second time")
	text, err = s.view().Consequences(s.ctx, false, 0)
	require.NoError(t, err)
	require.Empty(t, text)
	_, err = s.view().Consequences(s.ctx, false, 1)
	require.ErrorIs(t, err, checkpoint.ErrRefused)
}

// TestLastOutrunsRetention removes the record between listing and reading, as an owner does that
// decides faster than the reader reads.
func TestLastOutrunsRetention(t *testing.T) {
	s := newStore(t)
	l := s.claim(func(o *Options) { o.Retain = 1 })
	s.decide(l, 1)
	raced := false
	v, err := NewView(s.fs(func(op fstest.Op) fstest.Fault {
		if op.Kind == fstest.ReadFile && !raced {
			raced = true
			s.decide(l, 1)
		}
		return fstest.Fault{}
	}), testRoot, testJob)
	require.NoError(t, err)
	m, _, err := v.Last(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(3), m.Epoch)
}

func TestRetained(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, 2)
	require.NoError(t, l.Decide(s.ctx, manifest(l)))
	l = s.claim(nil)
	require.NoError(t, l.Accept(s.ctx, "/out/gone", "ann", time.UnixMilli(1)))
	require.Error(t, l.Accept(s.ctx, "/out/\xff", "ann", time.UnixMilli(1)))
	s.damage(l.Path(2))
	keep, err := l.Retained(s.ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(2), keep.Claim)
	require.Equal(t, checkpoint.Epoch(3), keep.Applied, "4 was decided, so 3 was committed")
	require.Equal(t, []string{"/out/gone"}, keep.Accepted)
	var named []string
	for _, c := range keep.Named {
		named = append(named, string(c.Data))
	}
	require.Equal(t, []string{"part-3", "part-4", "part-4"}, named, "the claim names them too")
}

// TestAppliedIsNoWordAboutWhatWasUndone: an epoch that was decided, but not published, before a job
// went back is not applied because higher ones are.
func TestAppliedIsNoWordAboutWhatWasUndone(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	s.decide(l, 1)                                   // 2
	require.NoError(t, l.Decide(s.ctx, manifest(l))) // 3, and its owner dies
	l = s.claim(func(o *Options) { o.Restore = 2 })
	keep, err := l.Retained(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(2), keep.Applied)
	s.decide(l, 1) // 5
	l = s.claim(func(o *Options) { o.Restore = 3 })
	keep, err = l.Retained(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(2), keep.Applied, "3 was never published")
	l = s.claim(func(o *Options) { o.Restore = 5 })
	keep, err = l.Retained(s.ctx)
	require.NoError(t, err)
	require.Equal(t, checkpoint.Epoch(5), keep.Applied)
}

func TestModules(t *testing.T) {
	s := newStore(t)
	l := s.claim(func(o *Options) { o.Retain = 1 })
	a, b := []byte("module a"), []byte("module b")
	shaA, shaB := hexSHA256(a), hexSHA256(b)

	m := manifest(l)
	m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: shaA}}
	require.ErrorContains(t, l.Decide(s.ctx, m), "is not in the store")
	for range 2 {
		sha, err := l.StoreModule(s.ctx, a)
		require.NoError(t, err)
		require.Equal(t, shaA, sha)
	}
	require.NoError(t, l.Decide(s.ctx, m))
	require.NoError(t, l.Applied(s.ctx, m.Epoch))
	got, err := s.view().ReadModule(s.ctx, shaA)
	require.NoError(t, err)
	require.Equal(t, a, got)

	// The next owner stores its own copy; the older one goes.
	l = s.claim(func(o *Options) { o.Retain = 1 })
	require.Contains(t, s.files(), "modules/"+shaA+"-1", "still the only copy")
	m = manifest(l)
	m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: shaA}}
	require.ErrorContains(t, l.Decide(s.ctx, m), "is not in the store", "not under this claim")
	_, err = l.StoreModule(s.ctx, a)
	require.NoError(t, err)
	_, err = l.StoreModule(s.ctx, b)
	require.NoError(t, err)
	require.NoError(t, l.Decide(s.ctx, m))
	require.NoError(t, l.Applied(s.ctx, m.Epoch))
	require.NotContains(t, s.files(), "modules/"+shaA+"-1")
	require.Contains(t, s.files(), "modules/"+shaA+"-2")
	require.Contains(t, s.files(), "modules/"+shaB+"-2", "stored for an epoch to come")

	// A third owner that uses b drops a once no kept record names it.
	l = s.claim(func(o *Options) { o.Retain = 1 })
	_, err = l.StoreModule(s.ctx, b)
	require.NoError(t, err)
	m = manifest(l)
	m.Modules = []checkpoint.Module{{Plugin: "p", SHA256: shaB}}
	require.NoError(t, l.Decide(s.ctx, m))
	require.NoError(t, l.Applied(s.ctx, m.Epoch))
	s.decide(l, 1)
	var modules []string
	for _, name := range s.files() {
		if strings.HasPrefix(name, "modules/") {
			modules = append(modules, name)
		}
	}
	require.Equal(t, []string{"modules/" + shaB + "-3"}, modules)

	_, err = s.view().ReadModule(s.ctx, shaA)
	require.ErrorIs(t, err, filesystem.ErrNotFound)
}

func TestDamagedModuleIsDetectedAndAnotherCopyServes(t *testing.T) {
	s := newStore(t)
	l := s.claim(nil)
	sha, err := l.StoreModule(s.ctx, []byte("module"))
	require.NoError(t, err)
	s.damage(testDir + "/modules/" + sha + "-1")
	_, err = s.view().ReadModule(s.ctx, sha)
	require.ErrorIs(t, err, checkpoint.ErrCorrupt)
	require.NoError(t, s.fs().WriteFile(s.ctx, testDir+"/modules/"+sha+"-0", []byte("module")))
	data, err := s.view().ReadModule(s.ctx, sha)
	require.NoError(t, err)
	require.Equal(t, "module", string(data))
}

func TestNames(t *testing.T) {
	for name, want := range map[string]checkpoint.Epoch{
		"epoch-000000000001": 1, "epoch-999999999999": 999999999999, "epoch-1000000000000": 1e12,
		"epoch-1": 0, "epoch-000000000000": 0, "epoch-00000000000x": 0, "epoch-0000000000001": 0,
		"applied-000000000001": 0, "epoch-": 0, ".epoch-000000000001.x-1.tmp": 0,
	} {
		n, ok := parseNumbered(epochPrefix, name)
		require.Equal(t, want, n, name)
		require.Equal(t, want != 0, ok, name)
	}
	sha := strings.Repeat("a", 64)
	for name, want := range map[string]bool{
		sha + "-7": true, sha + "-07": false, sha: false, sha[1:] + "-7": false,
		strings.ToUpper(sha) + "-7": false, sha + "--7": false,
	} {
		_, _, ok := parseModuleName(name)
		require.Equal(t, want, ok, name)
	}
}
