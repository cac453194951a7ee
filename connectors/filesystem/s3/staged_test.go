package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// readable is a part below a new root that can be read before it is published.
func readable(root string) filesystem.PendingName {
	n := part(root)
	n.Readable = true
	return n
}

// TestCopyWithoutCondition: a server that cannot hold the final key against its condition is asked
// without it.
func TestCopyWithoutCondition(t *testing.T) {
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) == "CopyObject" && r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotImplemented)
			fmt.Fprint(w, "<Error><Code>NotImplemented</Code></Error>")
			return
		}
		pass(w, next())
	})
	fs, n := opened(t, o), readable("/out")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Equal(t, []string{n.Target}, visible(t, fs, n.Root))
}

// TestAnotherObjectIsNotPublished: what was put in the place of a part since it was closed is told,
// even where it has the same length.
func TestAnotherObjectIsNotPublished(t *testing.T) {
	o := cluster.options(t)
	fs, n := opened(t, o), readable(cluster.root())
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.WriteFile(t.Context(), n.PendingPath(), []byte("tada")))
	_, err = fs.OpenPending(t.Context(), token, 0)
	require.ErrorIs(t, err, filesystem.ErrDamaged)
	err = fs.Publish(t.Context(), token)
	require.ErrorIs(t, err, filesystem.ErrDamaged)
	require.ErrorContains(t, err, n.PendingPath())
	require.Empty(t, visible(t, fs, n.Root))
}

// TestUploadIsNotRead: a part that was written without asking for it cannot be read.
func TestUploadIsNotRead(t *testing.T) {
	fs, n := opened(t, fake(t)), part("/out")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	_, err = fs.OpenPending(t.Context(), token, 0)
	require.ErrorContains(t, err, "upload in pieces")
}

// TestShortReadablePartsAreCheap: a part that fits into memory takes five calls from its first byte
// to its last form, and none of them carries its bytes but the first.
func TestShortReadablePartsAreCheap(t *testing.T) {
	var went traffic
	o := before(t, cluster.options(t), func(
		w http.ResponseWriter, r *http.Request, next func() *http.Response,
	) {
		went.note(r)
		pass(w, next())
	})
	fs, n := opened(t, o), readable(cluster.root())
	w := create(t, fs, n, "data")
	calls, _, _ := went.take()
	require.Empty(t, calls, "nothing before it is closed")
	token, err := w.Close(t.Context())
	require.NoError(t, err)
	calls, _, _ = went.take()
	require.Equal(t, []string{"PutObject"}, calls[len(calls)-1:])
	r, err := fs.OpenPending(t.Context(), token, 0)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, "data", string(data))
	went.take()
	require.NoError(t, fs.Publish(t.Context(), token))
	calls, sent, _ := went.take()
	require.Equal(t, []string{"HeadObject", "CopyObject", "HeadObject", "DeleteObject"}, calls)
	require.Zero(t, sent)
}
