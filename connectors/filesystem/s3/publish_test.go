package s3

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestEmptyWord: a server that says an upload is complete and has no object gets no marker removed.
// versitygw 1.8.0 does so for ever after it died while it completed the upload.
func TestEmptyWord(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case http.MethodPost:
			fmt.Fprint(w, "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>")
		case http.MethodGet:
			fmt.Fprint(w, "<ListBucketResult></ListBucketResult>")
		default:
			t.Errorf("%s %s", r.Method, r.URL)
		}
	}))
	defer server.Close()
	f, err := New(Options{Bucket: "lake", Config: aws.Config{
		Region: regionDefault, BaseEndpoint: aws.String(server.URL),
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""),
	}})
	require.NoError(t, err)
	f.shownMax = 10 * time.Millisecond
	err = f.Publish(t.Context(), token("/out/part", testMarker, "id", "tag"))
	require.ErrorIs(t, err, filesystem.ErrMissing)
	require.ErrorContains(t, err, "says that it made the object, and there is none")
}
