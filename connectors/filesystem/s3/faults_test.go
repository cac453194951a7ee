package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

// call names a request as the protocol's description does.
func call(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case q.Has("uploads") && r.Method == http.MethodPost:
		return "CreateMultipartUpload"
	case q.Has("uploads"):
		return "ListMultipartUploads"
	case q.Has("partNumber"):
		return "UploadPart"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		return "CompleteMultipartUpload"
	case q.Has("uploadId"):
		return "AbortMultipartUpload"
	case q.Has("list-type"):
		return "ListObjectsV2"
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		return "CopyObject"
	case r.Method == http.MethodPut:
		return "PutObject"
	case r.Method == http.MethodGet:
		return "GetObject"
	case r.Method == http.MethodDelete:
		return "DeleteObject"
	}
	return "HeadObject"
}

// between puts a handler before the fake. next carries a request out and returns its answer.
func between(t *testing.T, handle func(
	w http.ResponseWriter, r *http.Request, next func() *http.Response,
)) (tampered, straight s3.Options) {
	t.Helper()
	straight = fake(t)
	return before(t, straight, handle), straight
}

// before puts a handler before a server.
func before(t *testing.T, straight s3.Options, handle func(
	w http.ResponseWriter, r *http.Request, next func() *http.Response,
)) s3.Options {
	t.Helper()
	to, err := url.Parse(*straight.Config.BaseEndpoint)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		handle(w, r, func() *http.Response {
			out := r.Clone(context.WithoutCancel(r.Context()))
			out.URL.Scheme, out.URL.Host, out.RequestURI = to.Scheme, to.Host, ""
			out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			resp, err := http.DefaultTransport.RoundTrip(out)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			return resp
		})
	}))
	t.Cleanup(server.Close)
	straight.Config.BaseEndpoint = &server.URL
	return straight
}

// pass hands an answer on.
func pass(w http.ResponseWriter, resp *http.Response) {
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // who asked notices what is missing
}

// part is a name below a new root.
func part(root string) filesystem.PendingName {
	return filesystem.PendingName{
		Root: root, Job: "job", Part: "part", Target: root + "/part", Claim: 1,
	}
}

// onEachForm runs a test with a part that is an upload to its final key, and with one that can be
// read before it is published.
func onEachForm(t *testing.T, name string, run func(*testing.T, filesystem.PendingName)) {
	t.Helper()
	for form, readable := range map[string]bool{"upload": false, "readable": true} {
		t.Run(name+" "+form, func(t *testing.T) {
			n := part("/out")
			n.Readable = readable
			run(t, n)
		})
	}
}

func create(
	t *testing.T, fs filesystem.FileSystem, n filesystem.PendingName, data string,
) filesystem.PendingWriter {
	t.Helper()
	w, err := fs.CreatePending(t.Context(), n)
	require.NoError(t, err)
	_, err = io.WriteString(w, data)
	require.NoError(t, err)
	return w
}

// several is more than one part of an upload.
func several() string { return strings.Repeat("0123456789abcdef", 400_000) }

// TestLostAnswers: every call is carried out once and its answer is lost. The object stands once,
// and nothing is left over.
func TestLostAnswers(t *testing.T) {
	for _, lost := range []string{
		"ListObjectsV2", "PutObject", "CreateMultipartUpload", "HeadObject", "UploadPart",
		"CompleteMultipartUpload", "DeleteObject", "ListMultipartUploads", "GetObject", "CopyObject",
	} {
		onEachForm(t, lost, func(t *testing.T, n filesystem.PendingName) {
			var losses atomic.Int32
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				resp := next()
				if call(r) == lost && losses.Add(1) == 1 {
					_ = resp.Body.Close()
					panic(http.ErrAbortHandler)
				}
				pass(w, resp)
			})
			fs := opened(t, o)
			token, err := create(t, fs, n, several()).Close(t.Context())
			require.NoError(t, err)
			require.NoError(t, fs.Publish(t.Context(), token))
			data, err := fs.ReadFile(t.Context(), n.Target, 10<<20)
			require.NoError(t, err)
			require.True(t, several() == string(data), "content differs")
			require.NoError(t, fs.PublishExclusive(t.Context(), "/log/1", []byte("mine")))
			err = fs.PublishExclusive(t.Context(), "/log/1", []byte("mine"))
			require.ErrorIs(t, err, filesystem.ErrExists)
			require.Empty(t, uploads(t, o, "/out"))
			for stray := range fs.ListStrays(t.Context(), n.Root, n.Job) {
				t.Errorf("%s is left", stray.Part)
			}
		})
	}
}

// TestLostDecision: an exclusive name that the library itself asked for twice, because the first
// answer was lost, is this caller's and not taken.
func TestLostDecision(t *testing.T) {
	var losses atomic.Int32
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		resp := next()
		if r.Header.Get("If-None-Match") != "" && strings.HasSuffix(r.URL.Path, "/epoch-7") &&
			losses.Add(1) == 1 {
			_ = resp.Body.Close()
			panic(http.ErrAbortHandler)
		}
		pass(w, resp)
	})
	fs := opened(t, o)
	require.NoError(t, fs.PublishExclusive(t.Context(), "/log/epoch-7", []byte("mine")))
	require.Equal(t, int32(2), losses.Load(), "the second answer was a refusal")
	other := opened(t, o).PublishExclusive(t.Context(), "/log/epoch-7", []byte("mine"))
	require.ErrorIs(t, other, filesystem.ErrExists)
}

// TestIgnoredCondition: a server that takes a second object under a name is no place for decisions.
func TestIgnoredCondition(t *testing.T) {
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		r.Header.Del("If-None-Match")
		pass(w, next())
	})
	err := opened(t, o).PublishExclusive(t.Context(), "/log/1", []byte("x"))
	require.ErrorContains(t, err, "ignores If-None-Match")
	require.NotErrorIs(t, err, filesystem.ErrExists)
}

// TestBrokenReads: a connection that ends in the middle of an object is followed by a question for
// the rest; an object that was replaced meanwhile is told.
func TestBrokenReads(t *testing.T) {
	var replace atomic.Bool
	var straight s3.Options
	o, straight := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) == "GetObject" && replace.Load() && r.Header.Get("Range") != "" {
			w.WriteHeader(http.StatusPreconditionFailed) // the fake does not know If-Match here
			return
		}
		resp := next()
		if call(r) == "GetObject" && resp.ContentLength > 300_000 {
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(resp.Body, 300_000), resp.Body}
		}
		pass(w, resp)
	})
	require.NoError(t, opened(t, straight).WriteFile(t.Context(), "/a", []byte(several())))
	fs := opened(t, o)
	data, err := fs.ReadFile(t.Context(), "/a", 10<<20)
	require.NoError(t, err)
	require.True(t, several() == string(data), "content differs")

	replace.Store(true)
	r, err := fs.Open(t.Context(), "/a", 0)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, r)
	require.ErrorContains(t, err, "was replaced while it was read")
	require.NoError(t, r.Close())
}

// TestDiscardMeetsOpenPart: a part that another owner discards while it is written never gets a
// token, and its upload is gone.
func TestDiscardMeetsOpenPart(t *testing.T) {
	onEachForm(t, "part", func(t *testing.T, n filesystem.PendingName) {
		o := fake(t)
		fs := opened(t, o)
		w := create(t, fs, n, several())
		require.Len(t, uploads(t, o, "/out"), 1)
		discardStrays(t, opened(t, o), n)
		require.Empty(t, uploads(t, o, "/out"))
		_, err := w.Close(t.Context())
		require.Error(t, err)
		_, again := w.Close(t.Context())
		require.Equal(t, err, again, "the first error stays")
		require.NoError(t, w.Abort(t.Context()))
		for stray := range fs.ListStrays(t.Context(), n.Root, n.Job) {
			t.Errorf("%s is left", stray.Part)
		}
	})
}

func discardStrays(t *testing.T, fs filesystem.FileSystem, n filesystem.PendingName) {
	t.Helper()
	for stray, err := range fs.ListStrays(t.Context(), n.Root, n.Job) {
		require.NoError(t, err)
		require.NoError(t, fs.Discard(t.Context(), stray.Token))
	}
}

// TestDiscardMeetsBeginningPart: (1) the marker is put, (2) another owner discards the part and
// finds no upload, (3) the upload begins. Its owner sees that the marker is gone and ends it (O2).
func TestDiscardMeetsBeginningPart(t *testing.T) {
	onEachForm(t, "part", func(t *testing.T, n filesystem.PendingName) {
		var other *s3.FileSystem
		o, straight := between(t, func(
			w http.ResponseWriter, r *http.Request, next func() *http.Response,
		) {
			if call(r) == "CreateMultipartUpload" {
				discardStrays(t, other, n)
			}
			pass(w, next())
		})
		other = opened(t, straight)
		w, err := opened(t, o).CreatePending(t.Context(), n)
		require.NoError(t, err)
		_, err = io.WriteString(w, several())
		require.ErrorContains(t, err, "another owner has discarded the part")
		require.NoError(t, w.Abort(t.Context()))
		require.Empty(t, uploads(t, o, "/out"))
	})
}

// TestPublishedThenDiscardedByMarker: a marker that outlived its part costs the object nothing.
func TestPublishedThenDiscardedByMarker(t *testing.T) {
	o := fake(t)
	fs, n := opened(t, o), part("/out")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.NoError(t, fs.WriteFile(t.Context(), n.PendingPath(), []byte(n.Target)))
	discardStrays(t, fs, n)
	data, err := fs.ReadFile(t.Context(), n.Target, 100)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
}

// TestServerRestarts: what was closed is published when the server is back, and calls that fall into
// the outage wait.
func TestServerRestarts(t *testing.T) {
	fs, n := opened(t, cluster.options(t)), part(cluster.root())
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, cluster.get(t).Kill())
	published := make(chan error)
	go func() { published <- fs.Publish(t.Context(), token) }() // ends when the server is back
	require.NoError(t, cluster.get(t).Start(t.Context()))
	require.NoError(t, <-published)
	data, err := fs.ReadFile(t.Context(), n.Target, 100)
	require.NoError(t, err)
	require.Equal(t, "data", string(data))
}

// TestNobodyListens: an address that never answered is given up within seconds, as an error that
// heals.
func TestNobodyListens(t *testing.T) {
	_, err := opened(t, optionsOf("http://127.0.0.1:1", "any", "any")).Stat(t.Context(), "/a")
	require.ErrorContains(t, err, "waited 6s for http://127.0.0.1:1")
	require.ErrorContains(t, err, "connection refused")
	require.ErrorContains(t, err, "AWS_ENDPOINT_URL_S3")
	require.Equal(t, connectors.Retry, connectors.Classify(err))
}

// TestRealRefusals: what a server says of mistakes in the configuration.
func TestRealRefusals(t *testing.T) {
	good := cluster.options(t)
	for _, c := range []struct {
		name   string
		change func(o *s3.Options)
		want   string
		is     error
	}{
		{"wrong bucket", func(o *s3.Options) { o.Bucket = "nowhere" },
			`there is no bucket "nowhere"`, nil},
		{"wrong access key", func(o *s3.Options) {
			*o = optionsOf(*good.Config.BaseEndpoint, "stranger", "secret")
		}, "correct AWS_ACCESS_KEY_ID", filesystem.ErrReadOnly},
		{"wrong secret key", func(o *s3.Options) {
			*o = optionsOf(*good.Config.BaseEndpoint, "wasmflow", "secret")
		}, "correct AWS_SECRET_ACCESS_KEY", filesystem.ErrReadOnly},
		{"wrong region", func(o *s3.Options) { o.Config.Region = "eu-west-1" },
			"set AWS_REGION", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.change(&o)
			fs := opened(t, o)
			_, err := fs.Stat(t.Context(), "/a")
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, filesystem.ErrNotFound)
			require.NotErrorIs(t, err, connectors.Retryable(nil))
			require.NotEqual(t, connectors.Retry, connectors.Classify(err))
			write := fs.CheckWrite(t.Context(), "/out")
			require.ErrorContains(t, write, c.want)
			if c.is != nil {
				require.ErrorIs(t, write, c.is)
			}
		})
	}
	fs := opened(t, good)
	require.NoError(t, fs.CheckWrite(t.Context(), "/new/folder"))
	require.NoError(t, fs.WriteFile(t.Context(), "/readable", []byte("x")))
	require.NoError(t, fs.CheckRead(t.Context(), "/readable"))
	require.Empty(t, uploads(t, good, "/new"))
}

// TestAnswers: what comes of the other answers that servers give.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   string
		is     error
	}{
		{403, "RequestTimeTooSkewed", "set this machine's", filesystem.ErrReadOnly},
		{400, "ExpiredToken", "renew AWS_SESSION_TOKEN", filesystem.ErrReadOnly},
		{403, "AccessDenied", "permission denied to s3:PutObject", filesystem.ErrReadOnly},
		{301, "PermanentRedirect", "not in region us-east-1 but in eu-central-1; set AWS_REGION", nil},
		{507, "XMinioStorageFull", "is full", filesystem.ErrNoSpace},
		{403, "QuotaExceeded", "is full", filesystem.ErrNoSpace},
		{400, "EntityTooLarge", "EntityTooLarge: too bad", nil},
	} {
		t.Run(c.code, func(t *testing.T) {
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				if call(r) != "CreateMultipartUpload" {
					pass(w, next())
					return
				}
				w.Header().Set("Content-Type", "application/xml")
				w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
				w.WriteHeader(c.status)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>too bad</Message></Error>", c.code)
			})
			w := create(t, opened(t, o), part("/out"), "data")
			_, err := w.Close(t.Context())
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "s3://lake/out/part")
			if c.is != nil {
				require.ErrorIs(t, err, c.is)
			}
			require.NotEqual(t, connectors.Retry, connectors.Classify(err))
			require.NoError(t, w.Abort(t.Context()))
		})
	}
}

// TestLostUpload: parts that a rule of the bucket has removed are a loss that is told.
func TestLostUpload(t *testing.T) {
	o := fake(t)
	fs, n := opened(t, o), part("/out")
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	discardStrays(t, opened(t, o), n)
	require.ErrorIs(t, fs.Publish(t.Context(), token), filesystem.ErrMissing)
}
