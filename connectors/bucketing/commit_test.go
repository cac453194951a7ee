package bucketing

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// lose removes the pending form of every part of an epoch, as a person who tidies up would.
func (j *job) lose(e checkpoint.Epoch) {
	j.T.Helper()
	for _, c := range j.Decided[e] {
		d, err := decode(c)
		require.NoError(j.T, err)
		require.NoError(j.T, j.FileSystem().Discard(j.Ctx, d.token))
	}
}

func TestMissingPartIsLoud(t *testing.T) {
	j := newJob(t).start(1)
	e := j.write(0, "a").snapshot()
	j.lose(e)
	err := j.Committer.Commit(j.Ctx, j.Decided[e])
	require.ErrorIs(t, err, checkpoint.ErrLost)
	require.ErrorContains(t, err, "/base/a/part-5eed-out-0-1-00000001-0 of epoch 1, 1 records")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
	require.ErrorIs(t, j.Start(1), checkpoint.ErrLost)
}

// TestAppliedMarkExcusesItsOwnEpoch: a part that was published and then removed by its reader is
// no loss, but only the epoch that the mark speaks of is excused.
func TestAppliedMarkExcusesItsOwnEpoch(t *testing.T) {
	j := newJob(t).start(1)
	e := j.write(0, "a").snapshot()
	j.notify(e)
	for name := range j.files() {
		require.NoError(t, j.FileSystem().Remove(j.Ctx, path.Join(testRoot, name)))
	}
	keep := j.Retained()
	keep.Applied = e
	require.NoError(t, j.Committer.Recover(j.Ctx, j.Decided[e], keep))
	keep.Applied = e - 1
	require.ErrorIs(t, j.Committer.Recover(j.Ctx, j.Decided[e], keep), checkpoint.ErrLost)
}

// TestPowerFailureBringsPendingNameBack: a reader has taken a published part away, and the unlink
// of its pending name never reached the disk. It must not be published a second time.
func TestPowerFailureBringsPendingNameBack(t *testing.T) {
	j := newJob(t)
	j.Hooks = []fstest.Hook{fstest.SkipWhen(func(op fstest.Op) bool {
		return op.Kind == fstest.Unlink && strings.HasSuffix(op.Path, ".pending")
	})}
	j.start(1).write(0, "a").checkpoint()
	j.Hooks = nil
	for name := range j.files() {
		require.NoError(t, j.FileSystem().Remove(j.Ctx, path.Join(testRoot, name)))
	}
	require.Len(t, strays(j), 1)
	j.Applied, j.seen = j.Epoch, nil
	j.start(1)
	require.Empty(t, j.files())
	require.Empty(t, strays(j))
}

func TestCommitAgainAfterLostReply(t *testing.T) {
	j := newJob(t)
	j.Hooks = []fstest.Hook{fstest.LoseReply(fstest.Nth(fstest.Link, 2), errTest)}
	j.start(1)
	e := j.write(0, "a", "b", "c").snapshot()
	// The link stands although its answer is an error: Publish looks and finds its own success.
	require.NoError(t, j.Committer.Commit(j.Ctx, j.Decided[e]))
	require.NoError(t, j.Committer.Commit(j.Ctx, j.Decided[e]))
	require.Equal(t, []string{"a", "b", "c"}, j.values())
}

func TestCommitGoesOnAfterAnError(t *testing.T) {
	j := newJob(t)
	j.Hooks = []fstest.Hook{fstest.FailWhen(fstest.Nth(fstest.Link, 2), errTest)}
	j.start(1)
	e := j.write(0, "a", "b", "c").snapshot()
	require.ErrorIs(t, j.Committer.Commit(j.Ctx, j.Decided[e]), errTest)
	require.Len(t, j.values(), 2, "the others are published all the same")
	require.NoError(t, j.Committer.Commit(j.Ctx, j.Decided[e]))
	require.Equal(t, []string{"a", "b", "c"}, j.values())
}

func TestAbortRemovesWhatWasPrepared(t *testing.T) {
	j := newJob(t).start(2)
	e := j.write(0, "a", "b").write(1, "a").snapshot()
	require.NoError(t, j.Committer.Abort(j.Ctx, j.Decided[e]))
	require.NoError(t, j.Committer.Abort(j.Ctx, j.Decided[e]), "unknown is success (I5)")
	require.Empty(t, strays(j))
	require.Empty(t, j.files())
}

func TestStrays(t *testing.T) {
	j := newJob(t).start(2)
	j.write(0, "decided").snapshot()
	j.write(1, "closed").snapshot()
	undecided := j.Decided[2]
	delete(j.Decided, 2)
	j.Epoch = 1
	j.write(0, "open")
	require.Len(t, strays(j), 3)
	other := pend(t, j, "part-5eed-other-0-1-00000001-0", 1) // another sink with the same base path
	foreign := pend(t, j, "something-else", 1)
	later := pend(t, j, "part-5eed-out-0-9-00000009-0", 9) // a newer owner's

	j.start(1)
	left := strays(j)
	slices.Sort(left)
	require.Equal(t, []string{other, later, foreign}, left)
	require.Equal(t, []string{"decided"}, j.values())
	require.NoError(t, j.Committer.Abort(j.Ctx, undecided))
}

// pend makes a pending file of a name.
func pend(t *testing.T, j *job, part string, claim uint64) string {
	t.Helper()
	name := j.pendingPart(part)
	name.Claim = claim
	w, err := j.FileSystem().CreatePending(t.Context(), name)
	require.NoError(t, err)
	_, err = w.Close(t.Context())
	require.NoError(t, err)
	return part
}

func TestNamedPartsAreNoStrays(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "a").snapshot()
	j.write(0, "b").snapshot() // both are retained, and a restart may go back to the first
	require.NoError(t, j.Committer.Recover(j.Ctx, j.Decided[1],
		checkpoint.Retained{Claim: 2, Named: slices.Concat(j.Decided[1], j.Decided[2])}))
	require.Len(t, strays(j), 1)
	require.Equal(t, []string{"a"}, j.values())
	j.start(1)
	require.Equal(t, []string{"a", "b"}, j.values())
}

func TestStraysThatCannotBeRemovedDoNotStopTheJob(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "a").snapshot()
	j.write(0, "open")
	j.Hooks = []fstest.Hook{fstest.FailWhen(func(op fstest.Op) bool {
		return op.Kind == fstest.ReadDir
	}, errTest)}
	j.start(1)
	require.Equal(t, []string{"a"}, j.values())
}

// TestPathChanged: what was decided under another path is published there, and its strays go.
func TestPathChanged(t *testing.T) {
	j := newJob(t).start(1)
	j.write(0, "a").snapshot()
	j.write(0, "open")
	require.Len(t, strays(j), 2)
	j.config.Path = "file:///elsewhere"
	j.start(1).write(0, "b").checkpoint().close()
	require.Equal(t, []string{"a"}, j.values())
	require.Empty(t, strays(j))
	require.Equal(t, "b\n", readAll(t, local.New(local.Options{Disk: j.Disk}),
		"/elsewhere/b/part-5eed-out-0-2-00000002-0"))
}

func TestForeignCommittablesAreLeftAlone(t *testing.T) {
	j := newJob(t).start(1)
	foreign := []checkpoint.Committable{{Sink: "other", Version: 99, Data: []byte("?")}}
	require.NoError(t, j.Committer.Commit(j.Ctx, foreign))
	require.NoError(t, j.Committer.Abort(j.Ctx, foreign))
	require.NoError(t, j.Committer.Recover(j.Ctx, foreign, checkpoint.Retained{Claim: 1}))
	own := []checkpoint.Committable{{Sink: testSink, Version: 99}}
	require.ErrorIs(t, j.Committer.Commit(j.Ctx, own), checkpoint.ErrNewerFormat)
	require.ErrorIs(t, j.Committer.Abort(j.Ctx, own), checkpoint.ErrNewerFormat)
	err := j.Committer.Recover(j.Ctx, own, checkpoint.Retained{})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
}

func TestWroteIt(t *testing.T) {
	tests := []struct {
		part string
		want bool
	}{
		{"part-5eed-out-0-1-00000001-0", true},
		{"part-5eed-out-11-12-1f00ba12-13.txt", true},
		{"my-part-5eed-out-0-1-00000001-0-suffix", true},
		{"part-5eed-out-2-0-1-00000001-0", false}, // of the sink "out-2"
		{"part-5eed-other-0-1-00000001-0", false},
		{"part-beef-out-0-1-00000001-0", false},
		{"part-5eed-out-0-1-00000001-", false},
		{"part-5eed-out-0-1-0001-0", false},
		{"part-5eed-out-x-1-00000001-0", false},
		{"part-5eed-out-0--00000001-0", false},
		{"part-5eed-out-", false},
		{"", false},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, wroteIt(tt.part, "5eed", "out"), tt.part)
	}
}
