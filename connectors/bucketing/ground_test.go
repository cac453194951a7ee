package bucketing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// ground is the file system that a scenario runs on. The zero value is a disk in memory.
type ground struct {
	*testing.T
	fs   filesystem.FileSystem
	root string // of the base paths of its jobs
	jobs int
}

// newJob returns a job as the function newJob does, on this ground.
func (g *ground) newJob(change ...func(*Config)) *job {
	g.Helper()
	if g.fs == nil {
		return newJob(g.T, change...)
	}
	g.jobs++
	root := path.Join(g.root, fmt.Sprint("base", g.jobs))
	j := newJob(g.T, append(change, func(c *Config) { c.Path = root })...)
	j.OnDisk = g.fs
	return j
}

// TestUpstreamOn runs the scenarios of TestUpstream on real file systems.
func TestUpstreamOn(t *testing.T) {
	for _, on := range []struct {
		name string
		fs   func(*testing.T) filesystem.FileSystem
		root func(t *testing.T, n int) string
	}{
		{"the machine's disk",
			func(*testing.T) filesystem.FileSystem { return local.New(local.Options{}) },
			func(t *testing.T, _ int) string { return t.TempDir() }},
		{"HDFS", lake.fileSystem, func(_ *testing.T, n int) string { return fmt.Sprint("/upstream/", n) }},
	} {
		t.Run(on.name, func(t *testing.T) {
			fs, n := on.fs(t), 0
			for _, class := range upstreamRows() {
				for _, u := range class.rows {
					if u.run == nil {
						continue
					}
					n++
					root := on.root(t, n)
					t.Run(class.name+"/"+u.name, func(t *testing.T) {
						t.Parallel() // most of it is waiting for a server
						u.run(&ground{T: t, fs: fs, root: root})
					})
				}
			}
		})
	}
}

// hadoop is the one cluster of the package's tests, which the first one that asks starts.
type hadoop struct {
	once    sync.Once
	cluster *servers.HDFS
	fs      *hdfs.FileSystem
	err     error
}

var lake hadoop

func TestMain(m *testing.M) {
	code := m.Run()
	if err := lake.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func (h *hadoop) fileSystem(t *testing.T) filesystem.FileSystem {
	t.Helper()
	h.once.Do(func() { h.err = h.start(context.Background()) })
	require.NoError(t, h.err)
	return h.fs
}

func (h *hadoop) start(ctx context.Context) (err error) {
	if h.cluster, err = servers.StartHDFS(ctx, servers.HDFSOptions{}); err != nil {
		return err
	}
	h.fs, err = hdfs.New(hdfs.Options{
		NameNodes: []string{h.cluster.Address()}, WebHDFS: []string{h.cluster.Web()},
		User: servers.HDFSUser,
	})
	return err
}

func (h *hadoop) close() error {
	var errs []error
	if h.fs != nil {
		errs = append(errs, h.fs.Close())
	}
	if h.cluster != nil {
		errs = append(errs, h.cluster.Close())
	}
	return errors.Join(errs...)
}
