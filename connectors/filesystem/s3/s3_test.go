package s3_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	client "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

const testBucket = "lake"

// harness is the one real server of the package's tests, which the first one that asks starts.
type harness struct {
	once  sync.Once
	s3    *servers.S3
	err   error
	roots atomic.Int64
}

var cluster harness

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster.s3 != nil {
		if err := cluster.s3.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (c *harness) get(t *testing.T) *servers.S3 {
	t.Helper()
	c.once.Do(func() {
		if c.s3, c.err = servers.StartS3(context.Background()); c.err == nil {
			c.err = c.s3.MakeBucket(testBucket)
		}
	})
	require.NoError(t, c.err)
	return c.s3
}

// root returns a path that nothing lies below.
func (c *harness) root() string { return fmt.Sprintf("/roots/%d", c.roots.Add(1)) }

func (c *harness) options(t *testing.T) s3.Options {
	return optionsOf(c.get(t).Endpoint(), servers.S3AccessKey, servers.S3SecretKey)
}

func optionsOf(endpoint, access, secret string) s3.Options {
	return s3.Options{Bucket: testBucket, Config: aws.Config{
		Region: servers.S3Region, BaseEndpoint: &endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(access, secret, ""),
	}}
}

// fake starts a server in this process. It ignores the condition of completing an upload.
func fake(t *testing.T) s3.Options {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket(testBucket))
	server := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	return optionsOf(server.URL, "any", "any")
}

func open(t *testing.T, o s3.Options) *s3.FileSystem {
	t.Helper()
	f, err := s3.New(o)
	require.NoError(t, err)
	return f
}

// opened is closed with the test.
func opened(t *testing.T, o s3.Options) *s3.FileSystem {
	t.Helper()
	f := open(t, o)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// uploads returns the keys of the uploads that are open below a path.
func uploads(t *testing.T, o s3.Options, under string) []string {
	t.Helper()
	c := client.NewFromConfig(o.Config, func(o *client.Options) { o.UsePathStyle = true })
	out, err := c.ListMultipartUploads(context.WithoutCancel(t.Context()),
		&client.ListMultipartUploadsInput{Bucket: &o.Bucket, Prefix: aws.String(under[1:])})
	require.NoError(t, err)
	var keys []string
	for _, u := range out.Uploads {
		keys = append(keys, *u.Key)
	}
	return keys
}

func runConformance(t *testing.T, o s3.Options, noEmptyParts bool) {
	for name, readable := range map[string]bool{"uploads": false, "readable": true} {
		t.Run(name, func(t *testing.T) {
			connectortest.RunFileSystem(t, connectortest.FileSystemHarness{
				Open:           func(t *testing.T) filesystem.FileSystem { return open(t, o) },
				Root:           func(*testing.T) string { return cluster.root() },
				LargePartBytes: 10<<20 + 100_000, // three parts
				NoEmptyParts:   noEmptyParts && !readable,
				Readable:       readable,
			})
		})
	}
}

func TestConformance(t *testing.T) { runConformance(t, cluster.options(t), false) }

func TestConformanceOnFake(t *testing.T) { runConformance(t, fake(t), true) }

func runStore(t *testing.T, o s3.Options) {
	checkpointtest.RunLog(t, func(t *testing.T) checkpointtest.LogHarness {
		root := cluster.root()
		return checkpointtest.LogHarness{Open: func(t *testing.T) checkpoint.CommitLog {
			l, err := storelog.New(storelog.Options{
				FileSystem: opened(t, o), Root: root, Job: "orders",
			})
			require.NoError(t, err)
			return l
		}}
	})
}

// TestStoreConformance keeps a commit log in the bucket.
func TestStoreConformance(t *testing.T) { runStore(t, cluster.options(t)) }

func TestStoreConformanceOnFake(t *testing.T) { runStore(t, fake(t)) }
