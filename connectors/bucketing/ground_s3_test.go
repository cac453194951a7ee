package bucketing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

// objects is the one S3 server of the package's tests, which the first one that asks starts.
type objects struct {
	once    sync.Once
	server  *servers.S3
	fs      *s3.FileSystem
	err     error
	grounds atomic.Int64
}

var store objects

// ground returns a new one on the server.
func (o *objects) ground(t *testing.T) *ground {
	t.Helper()
	o.once.Do(func() { o.err = o.start(context.Background()) })
	require.NoError(t, o.err)
	return &ground{T: t, fs: o.fs, root: fmt.Sprint("/grounds/", o.grounds.Add(1))}
}

func (o *objects) start(ctx context.Context) (err error) {
	if o.server, err = servers.StartS3(ctx); err != nil {
		return err
	}
	const bucket = "lake"
	if err := o.server.MakeBucket(bucket); err != nil {
		return err
	}
	o.fs, err = s3.New(s3.Options{Bucket: bucket, Config: aws.Config{
		Region: servers.S3Region, BaseEndpoint: aws.String(o.server.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider(
			servers.S3AccessKey, servers.S3SecretKey, ""),
	}})
	return err
}

func (o *objects) close() error {
	var errs []error
	if o.fs != nil {
		errs = append(errs, o.fs.Close())
	}
	if o.server != nil {
		errs = append(errs, o.server.Close())
	}
	return errors.Join(errs...)
}
