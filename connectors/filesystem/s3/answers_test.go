package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestEmptyAnswers: an answer of status 200 that ends before it says anything is no success, which
// the library takes it for. What was to be done is done all the same, and once.
func TestEmptyAnswers(t *testing.T) {
	for _, c := range []struct {
		call string
		done bool
	}{
		{"CreateMultipartUpload", false}, {"CreateMultipartUpload", true},
		{"CompleteMultipartUpload", false}, {"CompleteMultipartUpload", true},
		{"CopyObject", false}, {"CopyObject", true},
	} {
		t.Run(fmt.Sprint(c.call, c.done), func(t *testing.T) {
			var calls atomic.Int32
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				if call(r) != c.call || calls.Add(1) > 1 {
					pass(w, next())
					return
				}
				if c.done {
					_ = next().Body.Close()
				}
				w.WriteHeader(http.StatusOK)
			})
			fs, n := opened(t, o), part("/out")
			n.Readable = c.call == "CopyObject"
			token, err := create(t, fs, n, "data").Close(t.Context())
			require.NoError(t, err)
			require.NoError(t, fs.Publish(t.Context(), token))
			require.Positive(t, calls.Load())
			data, err := fs.ReadFile(t.Context(), n.Target, 100)
			require.NoError(t, err)
			require.Equal(t, "data", string(data))
			require.Equal(t, []string{n.Target}, visible(t, fs, n.Root))
			if !n.Readable { // the fake lists uploads only once there was one
				require.Empty(t, uploads(t, o, "/out"))
			}
		})
	}
}

// TestPartWithoutTag: a part that could never be completed is told before anybody commits it.
func TestPartWithoutTag(t *testing.T) {
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		resp := next()
		if call(r) == "UploadPart" {
			resp.Header.Del("ETag")
		}
		pass(w, resp)
	})
	w := create(t, opened(t, o), part("/out"), "data")
	_, err := w.Close(t.Context())
	require.ErrorContains(t, err, "leaves out the ETag")
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, uploads(t, o, "/out"))
}

// TestPublishedBesides: an object that somebody puts back while its part is completed leaves neither
// the upload nor the marker behind.
func TestPublishedBesides(t *testing.T) {
	n := part("/out")
	var put func()
	o, straight := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) != "CompleteMultipartUpload" {
			pass(w, next())
			return
		}
		put()
		w.WriteHeader(http.StatusPreconditionFailed)
		fmt.Fprint(w, "<Error><Code>PreconditionFailed</Code></Error>")
	})
	other := opened(t, straight)
	put = func() {
		if err := other.WriteFile(context.Background(), n.Target, []byte("data")); err != nil {
			t.Error(err)
		}
	}
	fs := opened(t, o)
	token, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	require.NoError(t, fs.Publish(t.Context(), token))
	require.Empty(t, uploads(t, straight, "/out"))
	for stray := range fs.ListStrays(t.Context(), n.Root, n.Job) {
		t.Errorf("%s is left", stray.Part)
	}
}

// TestLongestKey: the marker of a part with the longest key that there is can be read.
func TestLongestKey(t *testing.T) {
	o := fake(t)
	fs, n := opened(t, o), part("/out")
	n.Target = "/out/" + strings.Repeat("x", 1024-len("out/"))
	_, err := create(t, fs, n, "data").Close(t.Context())
	require.NoError(t, err)
	discardStrays(t, fs, n)
	require.Empty(t, uploads(t, o, "/out"))
}

// TestOtherBytes: an answer that begins elsewhere, or does not say where it ends, is refused.
func TestOtherBytes(t *testing.T) {
	for name, c := range map[string]struct {
		question, answer string // headers that get lost
		offset           int64
		want             string
	}{
		"range":  {question: "Range", offset: 5, want: "another range than was asked for"},
		"length": {answer: "Content-Length", want: "leaves out the length"},
	} {
		t.Run(name, func(t *testing.T) {
			o, straight := between(t, func(
				w http.ResponseWriter, r *http.Request, next func() *http.Response,
			) {
				if call(r) != "GetObject" {
					pass(w, next())
					return
				}
				r.Header.Del(c.question)
				resp := next()
				resp.Header.Del(c.answer)
				pass(w, resp)
			})
			require.NoError(t, opened(t, straight).WriteFile(t.Context(), "/a", []byte(several())))
			_, err := opened(t, o).Open(t.Context(), "/a", c.offset)
			require.ErrorContains(t, err, c.want)
			require.NotEqual(t, connectors.Retry, connectors.Classify(err))
		})
	}
}

// listed returns what a listing of /in yields before it ends, and its error.
func listed(t *testing.T, fs filesystem.FileSystem) (paths []string, err error) {
	for info, err := range fs.List(t.Context(), "/in", true) {
		if err != nil {
			return paths, err
		}
		paths = append(paths, info.Path)
	}
	return paths, nil
}

// TestPages: a listing goes over all pages, and ends loudly where it would begin anew.
func TestPages(t *testing.T) {
	var endless atomic.Bool
	var pages atomic.Int32
	o, straight := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		switch {
		case call(r) != "ListObjectsV2":
		case pages.Add(1) > 0 && endless.Load():
			fmt.Fprint(w, "<ListBucketResult><Name>lake</Name><KeyCount>1</KeyCount>"+
				"<IsTruncated>true</IsTruncated><Contents><Key>in/a</Key></Contents></ListBucketResult>")
			return
		default:
			q := r.URL.Query()
			q.Set("max-keys", "2")
			r.URL.RawQuery = q.Encode()
		}
		pass(w, next())
	})
	var want []string
	for _, name := range []string{"a", "b c", "d+e%2B", "f/g", "h&<", "\u00fc"} {
		want = append(want, "/in/"+name)
		require.NoError(t, opened(t, straight).WriteFile(t.Context(), "/in/"+name, []byte("x")))
	}
	fs := opened(t, o)
	paths, err := listed(t, fs)
	require.NoError(t, err)
	require.GreaterOrEqual(t, int(pages.Load()), len(want)/2)
	require.Equal(t, want, paths)
	for _, p := range paths {
		data, err := fs.ReadFile(t.Context(), p, 10)
		require.NoError(t, err)
		require.Equal(t, "x", string(data))
	}

	endless.Store(true)
	paths, err = listed(t, fs)
	require.ErrorContains(t, err, "not how to go on")
	require.Equal(t, want[:1], paths)
}

// TestKeysThatXMLCannotHold: keys are asked for, and read, in a form that has no control characters.
func TestKeysThatXMLCannotHold(t *testing.T) {
	encoded := "in/a%01b+c%2Bd"
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) != "ListObjectsV2" || r.URL.Query().Get("encoding-type") != "url" {
			pass(w, next())
			return
		}
		fmt.Fprintf(w, "<ListBucketResult><Name>lake</Name><KeyCount>1</KeyCount><EncodingType>url"+
			"</EncodingType><Contents><Key>%s</Key></Contents></ListBucketResult>", encoded)
	})
	fs := opened(t, o)
	paths, err := listed(t, fs)
	require.NoError(t, err)
	require.Equal(t, []string{"/in/a\x01b c+d"}, paths)

	encoded = "in/100%"
	_, err = listed(t, fs)
	require.ErrorContains(t, err, "the server claims to encode keys, and does not")
}

// TestEmptyListing: an answer that ends before it says anything is no empty bucket.
func TestEmptyListing(t *testing.T) {
	var empty atomic.Bool
	o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
		if call(r) == "ListObjectsV2" && empty.CompareAndSwap(true, false) {
			w.WriteHeader(http.StatusOK)
			return
		}
		pass(w, next())
	})
	fs := opened(t, o)
	require.NoError(t, fs.WriteFile(t.Context(), "/in/a", []byte("x")))
	empty.Store(true)
	paths, err := listed(t, fs)
	require.NoError(t, err)
	require.Equal(t, []string{"/in/a"}, paths)
	require.False(t, empty.Load())
}

// TestClockThatIsOff: an answer without a body tells by its date why it refuses.
func TestClockThatIsOff(t *testing.T) {
	for name, c := range map[string]struct {
		off  time.Duration
		want string
	}{
		"off":   {-time.Hour, "the clock of this machine and that of"},
		"right": {0, "permission denied to s3:GetObject or s3:ListBucket"},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := between(t, func(w http.ResponseWriter, r *http.Request, next func() *http.Response) {
				if call(r) != "HeadObject" {
					pass(w, next())
					return
				}
				w.Header().Set("Date", time.Now().Add(c.off).UTC().Format(http.TimeFormat))
				w.WriteHeader(http.StatusForbidden)
			})
			_, err := opened(t, o).Stat(t.Context(), "/in/a")
			require.ErrorContains(t, err, c.want)
			require.ErrorIs(t, err, filesystem.ErrReadOnly)
		})
	}
}

// TestCredentialsEnd: credentials that cannot be renewed come back with who gives them out; those
// that were never there do not.
func TestCredentialsEnd(t *testing.T) {
	var away atomic.Bool
	o := fake(t)
	o.Config.Credentials = aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) {
			if away.Load() {
				return aws.Credentials{}, errors.New("the server of roles is away")
			}
			return aws.Credentials{
				AccessKeyID: "any", SecretAccessKey: "any", CanExpire: true, Expires: time.Unix(1, 0),
			}, nil
		})
	fs := opened(t, o)
	require.NoError(t, fs.WriteFile(t.Context(), "/a", []byte("x")))
	away.Store(true)
	err := fs.WriteFile(t.Context(), "/a", []byte("x"))
	require.ErrorContains(t, err, "cannot be renewed")
	require.ErrorContains(t, err, "the server of roles is away")
	require.Equal(t, connectors.Retry, connectors.Classify(err))

	err = opened(t, o).WriteFile(t.Context(), "/a", []byte("x"))
	require.ErrorContains(t, err, "set AWS_ACCESS_KEY_ID")
	require.NotEqual(t, connectors.Retry, connectors.Classify(err))
}

// TestRangeBehindTheEnd: there is nothing to read there, which is no error.
func TestRangeBehindTheEnd(t *testing.T) {
	fs := opened(t, fake(t))
	require.NoError(t, fs.WriteFile(t.Context(), "/a", []byte("abc")))
	r, err := fs.Open(t.Context(), "/a", 3)
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Empty(t, data)
	require.NoError(t, r.Close())
}
