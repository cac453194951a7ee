package bucketing

import (
	"path"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// The scenarios of BucketTest, BucketStateSerializerTest and AbstractRecoverableWriterTest: what
// becomes of parts that an epoch, a crash or a restart finds.

// recoverAfter decides an epoch for each row of decided ("" for an epoch without rows), writes
// lost, and dies. A reader sees what was decided once and what was lost not at all; then the job
// goes on.
func recoverAfter(lost string, decided ...string) func(*ground) {
	return func(t *ground) {
		j := t.newJob(func(c *Config) { c.Bucketer = Bucketer{} }).start(1)
		want := []string{}
		for i, row := range decided {
			if row != "" {
				j.write(0, row)
				want = append(want, row)
			}
			e := j.snapshot()
			if i+1 < len(decided) { // the last one is left to the next claim
				j.notify(e)
			}
		}
		if lost != "" {
			j.write(0, lost)
		}
		j.start(1)
		require.Equal(t, want, j.values())
		require.Empty(t, strays(j))
		j.write(0, "test3").checkpoint().close()
		require.Equal(t, append(want, "test3"), j.values())
	}
}

func commitKeepsLaterParts(t *ground) {
	j := t.newJob().start(1)
	first := j.write(0, "test1").snapshot()
	second := j.write(0, "test2").snapshot()
	pending := strays(j)
	require.Len(t, pending, 2)
	j.notify(first)
	require.Equal(t, []string{"test1"}, j.values())
	left := strays(j)
	require.Len(t, left, 1)
	require.True(t, slices.Contains(pending, left[0]), "the part of the second epoch is untouched")
	j.notify(second).close()
	require.Equal(t, []string{"test1", "test2"}, j.values())
}

func strayIsCleaned(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1").checkpoint().write(0, "test2")
	require.Equal(t, j.showsOpen(), len(strays(j)) == 1)
	j.start(1)
	require.Empty(t, strays(j), "no epoch names the part of test2")
	require.Equal(t, []string{"test1"}, j.values())
}

func restoringLeavesNothing(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test").snapshot()
	require.Len(t, strays(j), 1)
	j.start(1)
	require.Empty(t, strays(j))
	require.Equal(t, []string{"test"}, j.values())
}

func emptyEpochsTouchNothing(t *ground) {
	j := t.newJob().start(1)
	for range 3 {
		j.snapshot()
		require.Empty(t, j.Decided[j.Epoch])
	}
	j.notify(j.Epoch).close()
	require.Equal(t, counts{0, 0, 0}, j.counts())
}

func emptyEpoch(t *ground) {
	j := t.newJob().start(2)
	j.snapshot()
	require.Empty(t, j.Decided[j.Epoch])
	j.notify(j.Epoch).close()
	require.Empty(t, j.files())
}

func committableRoundTrip(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "a", "b", "a@2").snapshot()
	cs := j.Decided[j.Epoch]
	require.Len(t, cs, 2)
	var records uint64
	for _, c := range cs {
		got, err := decode(c)
		require.NoError(t, err)
		require.Equal(t, c.Data, got.encode())
		records += got.records
	}
	require.Equal(t, uint64(3), records)
}

// openPartTravels takes the epoch of an open part through the durable form into a new process.
func openPartTravels(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "writing")
	require.Equal(t, counts{1, 0, 0}, j.counts())
	j.snapshot()
	require.Len(t, j.Decided[j.Epoch], 1)
	part, err := decode(j.Decided[j.Epoch][0])
	require.NoError(t, err)
	require.Equal(t, uint64(1), part.records)
	j.Decided[j.Epoch][0].Data = part.encode()
	j.start(1)
	require.Equal(t, []string{"writing: writing"}, j.rows())
}

// commitAfterPersist hands rows to the file system in two turns.
func commitAfterPersist(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test@1")
	require.NoError(t, j.Writers[0].Flush(t.Context()))
	j.write(0, "test@2")
	require.Empty(t, j.files())
	j.checkpoint().close()
	require.Equal(t, map[string]string{
		"test/part-5eed-out-0-1-00000001-0": "test@1\ntest@2\n",
	}, j.files())
}

func (j *job) pendingPart(name string) filesystem.PendingName {
	return filesystem.PendingName{
		Root: j.root, Job: testJob, Part: name, Target: path.Join(j.root, name), Claim: 1,
	}
}

func commitAfterClose(t *ground) {
	j := t.newJob()
	fs := j.FileSystem()
	w, err := fs.CreatePending(t.Context(), j.pendingPart("p"))
	require.NoError(t, err)
	_, err = w.Write([]byte("THIS IS A TEST 1.\n"))
	require.NoError(t, err)
	token, err := w.Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Equal(t, "THIS IS A TEST 1.\n", readAll(t.T, fs, path.Join(j.root, "p")))
}

func closeWithNoData(t *ground) {
	j := t.newJob()
	fs := j.FileSystem()
	w, err := fs.CreatePending(t.Context(), j.pendingPart("p"))
	require.NoError(t, err)
	token, err := w.Close(t.Context())
	require.NoError(t, err)
	require.Empty(t, j.files())
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Equal(t, map[string]string{"p": ""}, j.files())
}

func resumeAfterCommit(t *ground) {
	j := t.newJob()
	fs := j.FileSystem()
	w, err := fs.CreatePending(t.Context(), j.pendingPart("p"))
	require.NoError(t, err)
	_, err = w.Write([]byte("THIS IS A TEST 1.\n"))
	require.NoError(t, err)
	token, err := w.Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	_, err = w.Write([]byte("THIS IS A TEST 2.\n"))
	require.Error(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Equal(t, map[string]string{"p": "THIS IS A TEST 1.\n"}, j.files())
}

func writeAfterClose(t *ground) {
	j := t.newJob()
	fs := j.FileSystem()
	w, err := fs.CreatePending(t.Context(), j.pendingPart("p"))
	require.NoError(t, err)
	token, err := w.Close(t.Context())
	require.NoError(t, err)
	_, err = w.Write([]byte("late"))
	require.Error(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Empty(t, readAll(t.T, fs, path.Join(j.root, "p")))
}

// damagedPart: something outside wrote to a part between its epoch and the next claim or, where a part
// is no file before it is published, removed it.
func damagedPart(t *ground) {
	j := t.newJob().start(1)
	j.write(0, "test1@1").snapshot()
	name := strays(j)[0]
	pending := path.Join(filesystem.Staging(j.root, testJob), name+".1.pending")
	want := filesystem.ErrDamaged
	if j.showsOpen() {
		require.NoError(t, j.View().WriteFile(t.Context(), pending, []byte("test1@1\njunk")))
	} else {
		want = checkpoint.ErrLost
		for stray, err := range j.View().ListStrays(t.Context(), j.root, testJob) {
			require.NoError(t, err)
			require.NoError(t, j.View().Discard(t.Context(), stray.Token))
		}
	}
	err := j.Start(1)
	require.ErrorIs(t, err, want)
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
	require.True(t, strings.Contains(err.Error(), name), "%v names no part", err)
	require.Empty(t, j.files())
}
