package s3_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestLatePuts: (1) the answer to the first put of a part that can be read is lost, (2) the library
// puts again, and the part is closed, (3) the server carries the first one out. It does not touch
// the part: neither a marker's text in the place of its bytes, nor, where tags are no digests, the
// same bytes under another tag.
func TestLatePuts(t *testing.T) {
	for name, data := range map[string]string{"short": "data", "long": several()} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var late func() *http.Response
			tags := map[string]string{} // by path, of a server that encrypts with keys of its own
			carryOut := func(r *http.Request, next func() *http.Response) *http.Response {
				resp := next()
				mu.Lock()
				defer mu.Unlock()
				if resp.StatusCode == http.StatusOK {
					switch call(r) {
					case "PutObject", "CompleteMultipartUpload":
						tags[r.URL.Path] = fmt.Sprintf("%q", rand.Text())
					}
				}
				if resp.Header.Get("ETag") != "" && tags[r.URL.Path] != "" && !r.URL.Query().Has("uploadId") {
					resp.Header.Set("ETag", tags[r.URL.Path])
				}
				return resp
			}
			n := readable("/out")
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				switch call(r) {
				case "PutObject":
					if late == nil {
						late = func() *http.Response { return carryOut(r, next) }
						panic(http.ErrAbortHandler)
					}
				case "CopyObject":
					mu.Lock()
					same := r.Header.Get("X-Amz-Copy-Source-If-Match") == tags["/lake"+n.PendingPath()]
					mu.Unlock()
					r.Header.Del("X-Amz-Copy-Source-If-Match")
					if !same {
						w.WriteHeader(http.StatusPreconditionFailed)
						return
					}
				}
				pass(w, carryOut(r, next))
			})
			fs := opened(t, o)
			token, err := create(t, fs, n, data).Close(t.Context())
			require.NoError(t, err)
			require.NoError(t, late().Body.Close())
			require.NoError(t, fs.Publish(t.Context(), token))
			read, err := fs.ReadFile(t.Context(), n.Target, 10<<20)
			require.NoError(t, err)
			require.True(t, data == string(read), "content differs")
		})
	}
}

// TestRefusedCopies: what is told are rights that can be granted; there is none to copy.
func TestRefusedCopies(t *testing.T) {
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) != "CopyObject" {
			pass(w, next())
			return
		}
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
	})
	fs, n := opened(t, o), readable("/out")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	err = fs.Publish(t.Context(), token)
	require.ErrorIs(t, err, filesystem.ErrReadOnly)
	require.ErrorContains(t, err, "s3:GetObject or s3:PutObject")
}

// TestPutsWithoutCondition: a server that does not know the condition is asked without it.
func TestPutsWithoutCondition(t *testing.T) {
	for name, data := range map[string]string{"short": "data", "long": several()} {
		t.Run(name, func(t *testing.T) {
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				if call(r) == "PutObject" && r.Header.Get("If-None-Match") != "" {
					w.WriteHeader(http.StatusNotImplemented)
					fmt.Fprint(w, "<Error><Code>NotImplemented</Code></Error>")
					return
				}
				pass(w, next())
			})
			fs, n := opened(t, o), readable("/out")
			token, err := create(t, fs, n, data).Close(t.Context())
			require.NoError(t, err)
			require.NoError(t, fs.Publish(t.Context(), token))
			read, err := fs.ReadFile(t.Context(), n.Target, 10<<20)
			require.NoError(t, err)
			require.True(t, data == string(read), "content differs")
		})
	}
}

// TestCallsOfAPart: what README.md says that a part costs, on a connection that stands.
func TestCallsOfAPart(t *testing.T) {
	const pieces = 2 // of which several() is made
	count := func(t *testing.T, n filesystem.PendingName, data string) map[string]int {
		var went traffic
		o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
			went.note(r)
			pass(w, next())
		})
		fs := opened(t, o)
		require.NoError(t, fs.WriteFile(t.Context(), "/first", []byte("x")))
		went.take()
		token, err := create(t, fs, n, data).Close(t.Context())
		require.NoError(t, err)
		require.NoError(t, fs.Publish(t.Context(), token))
		calls, _, _ := went.take()
		counts := map[string]int{"all": len(calls)}
		for _, c := range calls {
			counts[c]++
		}
		return counts
	}
	require.Equal(t, map[string]int{
		"all": 8, "PutObject": 1, "UploadPart": 1, "CreateMultipartUpload": 1,
		"CompleteMultipartUpload": 1, "HeadObject": 3, "DeleteObject": 1,
	}, count(t, part("/out"), "data"))
	require.Equal(t, map[string]int{
		"all": 5, "PutObject": 1, "CopyObject": 1, "HeadObject": 2, "DeleteObject": 1,
	}, count(t, readable("/out"), "data"))
	require.Equal(t, 7+pieces, count(t, part("/out"), several())["all"])
	require.Equal(t, 9+pieces, count(t, readable("/out"), several())["all"])
}
