package s3_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

// traffic is what went to a server.
type traffic struct {
	mu    sync.Mutex
	calls []string
	sent  int64 // bytes of requests
	names bool  // a request named an object to copy
}

func (t *traffic) note(r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls, t.sent = append(t.calls, call(r)), t.sent+max(r.ContentLength, 0)
	t.names = t.names || r.Header.Get("X-Amz-Copy-Source") != ""
}

// take returns what went since the call before.
func (t *traffic) take() (calls []string, sent int64, copies bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls, sent, copies = t.calls, t.sent, t.names
	t.calls, t.sent, t.names = nil, 0, false
	return calls, sent, copies
}

// TestFlawF7_NothingIsRenamed: S3 has no rename. Where it is made of a copy and a removal, a commit
// takes as long as the bytes, and readers see the temporary name, or both, or after a crash one of
// them. Here nobody sees a part before it is committed, and committing it sends none of its bytes.
func TestFlawF7_NothingIsRenamed(t *testing.T) {
	for name, straight := range map[string]s3.Options{
		"fake": fake(t), "real": cluster.options(t),
	} {
		t.Run(name, func(t *testing.T) {
			var went traffic
			o := before(t, straight, func(
				w http.ResponseWriter, r *http.Request, next func() *http.Response,
			) {
				went.note(r)
				pass(w, next())
			})
			n, data := part(cluster.root()), several()
			token, err := create(t, opened(t, o), n, data).Close(t.Context())
			require.NoError(t, err)
			calls, sent, copies := went.take()
			require.Contains(t, calls, "UploadPart")
			require.GreaterOrEqual(t, sent, int64(len(data)))
			require.False(t, copies)
			require.Empty(t, visible(t, opened(t, straight), n.Root), "nobody sees it")

			another := opened(t, o) // the process that wrote it is gone: the token has all
			require.NoError(t, another.Publish(t.Context(), token))
			calls, sent, copies = went.take()
			require.Contains(t, calls, "CompleteMultipartUpload")
			for _, c := range []string{"PutObject", "UploadPart", "GetObject"} {
				require.NotContains(t, calls, c)
			}
			require.False(t, copies)
			require.Less(t, sent, int64(len(data)/100), "the commit sends names and tags")
			require.Equal(t, []string{n.Target}, visible(t, another, n.Root))
			got, err := another.ReadFile(t.Context(), n.Target, int64(len(data)))
			require.NoError(t, err)
			require.Equal(t, data, string(got))
			went.take()

			require.NoError(t, another.Publish(t.Context(), token), "again, as after a crash")
			calls, _, _ = went.take()
			require.NotContains(t, calls, "CompleteMultipartUpload")
			require.Equal(t, []string{n.Target}, visible(t, another, n.Root))
			require.Empty(t, uploads(t, straight, n.Root))
		})
	}
}

// visible returns what readers see below a root.
func visible(t *testing.T, fs filesystem.FileSystem, root string) []string {
	t.Helper()
	var files []string
	for info, err := range fs.List(t.Context(), root, true) {
		if err != nil {
			require.ErrorIs(t, err, filesystem.ErrNotFound)
			break
		}
		staged := filesystem.Staging(root, "job") + "/"
		if !info.Dir && !strings.HasPrefix(info.Path, staged) {
			files = append(files, info.Path)
		}
	}
	slices.Sort(files)
	return files
}
