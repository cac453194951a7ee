package s3

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// TestCallsThatWaitAreTold: one line names the call and the server while a server accepts
// connections and says nothing, and one line tells that it is back.
func TestCallsThatWaitAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&said, nil))
		watch := watched(filesystem.NewWaits(logger, "the S3 server", "http://s3"))
		ask := func(ctx context.Context, silent time.Duration, answer error) {
			ctx = awsmiddleware.SetOperationName(ctx, "HeadObject")
			_, _, err := watch.HandleInitialize(ctx, middleware.InitializeInput{},
				handler(func() error {
					time.Sleep(silent) // of the test's clock
					return answer
				}))
			require.Equal(t, answer, err)
		}
		refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		ask(t.Context(), time.Second, nil)
		ask(t.Context(), time.Second, errors.New("an answer that is a refusal"))
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		ask(canceled, time.Second, refused)
		require.Empty(t, said.String())
		ask(t.Context(), 50*time.Second, refused)
		ask(t.Context(), 0, refused)
		require.Equal(t, 1, strings.Count(said.String(), "\n"), said.String())
		require.Contains(t, said.String(), `level=WARN msg="waiting for the S3 server" at=http://s3 `+
			`call=HeadObject since=15s error="no answer for 15s"`)
		ask(t.Context(), time.Second, nil)
		require.Equal(t, 2, strings.Count(said.String(), "\n"), said.String())
		require.Contains(t, said.String(),
			`level=INFO msg="the S3 server answers again" at=http://s3 after=51s`)
	})
}

// TestOutagesAreTold: the calls of a file system are watched.
func TestOutagesAreTold(t *testing.T) {
	var said bytes.Buffer
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "b")
	t.Setenv("AWS_CONFIG_FILE", "none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
	o, err := FromEnvironment(t.Context(), os.LookupEnv, "lake")
	require.NoError(t, err)
	o.Logger = slog.New(slog.NewTextHandler(&said, nil))
	fs, err := New(o)
	require.NoError(t, err)
	require.Error(t, fs.meet(t.Context()))
	require.Contains(t, said.String(), "waiting for the S3 server")
	require.Contains(t, said.String(), "at=http://127.0.0.1:1 call=ListObjectsV2 since=0s")
	require.NoError(t, fs.Close())
}

// handler is what comes after the middleware under test.
type handler func() error

func (h handler) HandleInitialize(context.Context, middleware.InitializeInput) (
	out middleware.InitializeOutput, meta middleware.Metadata, err error,
) {
	return out, meta, h()
}
