package hdfs_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

// harness is the one cluster of the package's tests, which the first one that asks starts.
type harness struct {
	once  sync.Once
	hdfs  *servers.HDFS
	err   error
	roots atomic.Int64
}

var cluster harness

func TestMain(m *testing.M) {
	code := m.Run()
	if cluster.hdfs != nil {
		if err := cluster.hdfs.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (c *harness) get(t *testing.T) *servers.HDFS {
	t.Helper()
	c.once.Do(func() {
		c.hdfs, c.err = servers.StartHDFS(context.Background(), servers.HDFSOptions{})
	})
	require.NoError(t, c.err)
	return c.hdfs
}

// root returns a path that nothing lies below.
func (c *harness) root() string { return fmt.Sprintf("/roots/%d", c.roots.Add(1)) }

func (c *harness) options(t *testing.T) hdfs.Options {
	h := c.get(t)
	return hdfs.Options{
		NameNodes: []string{h.Address()}, WebHDFS: []string{h.Web()}, User: servers.HDFSUser,
		BlockSize: 1 << 20, Replication: 1,
	}
}

func open(t *testing.T, o hdfs.Options) *hdfs.FileSystem {
	t.Helper()
	f, err := hdfs.New(o)
	require.NoError(t, err)
	return f
}

func TestConformance(t *testing.T) {
	o := cluster.options(t)
	connectortest.RunFileSystem(t, connectortest.FileSystemHarness{
		Open:           func(t *testing.T) filesystem.FileSystem { return open(t, o) },
		Root:           func(*testing.T) string { return cluster.root() },
		LargePartBytes: 2<<20 + 100_000, // three blocks
	})
}
