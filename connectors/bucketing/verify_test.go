package bucketing

import (
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// findings returns what Verify says of an epoch.
func (j *job) findings(e checkpoint.Epoch, keep checkpoint.Retained) []checkpoint.Finding {
	j.T.Helper()
	v, ok := j.Committer.(checkpoint.Verifier)
	require.True(j.T, ok)
	found, err := v.Verify(j.Ctx, j.Decided[e], keep)
	require.NoError(j.T, err)
	return found
}

func TestVerifyIsContentWithPendingAndPublishedParts(t *testing.T) {
	onGrounds(t, func(t *ground) {
		j := t.newJob().start(2)
		e := j.write(0, "a").write(1, "b").snapshot()
		require.Empty(t, j.findings(e, checkpoint.Retained{}), "pending")
		j.notify(e)
		require.Empty(t, j.findings(e, checkpoint.Retained{}), "published")
	})
}

func TestVerifyMissesLostParts(t *testing.T) {
	j := newJob(t).start(1)
	e := j.write(0, "a").snapshot()
	j.lose(e)
	found := j.findings(e, checkpoint.Retained{})
	require.Len(t, found, 1)
	target := found[0].Subject
	require.Equal(t, "/base/a/part-5eed-out-0-1-00000001-0", target)
	require.Equal(t, checkpoint.Problem, found[0].Severity)
	require.Equal(t, "1 records of epoch 1 are neither published nor pending", found[0].Text)
	require.Contains(t, found[0].Remedy, "--accept-missing "+target)

	keep := checkpoint.Retained{Accepted: []string{target}}
	found = j.findings(e, keep)
	require.Equal(t, checkpoint.Note, found[0].Severity)
	require.NoError(t, j.Committer.Recover(j.Ctx, j.Decided[e], keep), "accepted is no error")
	require.Equal(t, checkpoint.Note, j.findings(e, checkpoint.Retained{Applied: e})[0].Severity)
}

func TestVerifySeesChangedParts(t *testing.T) {
	j := newJob(t).start(1)
	e := j.write(0, "a").snapshot()
	j.notify(e)
	for name := range j.files() {
		p := path.Join(testRoot, name)
		require.NoError(t, j.FileSystem().WriteFile(j.Ctx, p, []byte("somebody else was here")))
	}
	found := j.findings(e, checkpoint.Retained{Applied: e})
	require.Len(t, found, 1)
	require.Equal(t, checkpoint.Problem, found[0].Severity)
	require.Equal(t, "it has 22 bytes, epoch 1 decided 2", found[0].Text)
}
