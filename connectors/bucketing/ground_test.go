package bucketing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"sync/atomic"
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

// onGrounds runs a scenario on a disk in memory, on a real HDFS and on a real S3 server.
func onGrounds(t *testing.T, scenario func(*ground)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) { scenario(&ground{T: t}) })
	t.Run("HDFS", func(t *testing.T) { scenario(lake.ground(t)) })
	t.Run("S3", func(t *testing.T) { scenario(store.ground(t)) })
}

// TestUpstreamOn runs the scenarios of TestUpstream on real file systems.
func TestUpstreamOn(t *testing.T) {
	for name, newGround := range map[string]func(*testing.T) *ground{
		"the machine's disk": func(t *testing.T) *ground {
			return &ground{T: t, fs: local.New(local.Options{}), root: t.TempDir()}
		},
		"HDFS": lake.ground,
		"S3":   store.ground,
	} {
		t.Run(name, func(t *testing.T) {
			for _, class := range upstreamRows() {
				for _, u := range class.rows {
					if u.run == nil {
						continue
					}
					t.Run(class.name+"/"+u.name, func(t *testing.T) {
						t.Parallel() // most of it is waiting for a server
						u.run(newGround(t))
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
	grounds atomic.Int64
}

var lake hadoop

func TestMain(m *testing.M) {
	code := m.Run()
	if err := errors.Join(lake.close(), store.close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// ground returns a new one on the cluster.
func (h *hadoop) ground(t *testing.T) *ground {
	t.Helper()
	h.once.Do(func() { h.err = h.start(context.Background()) })
	require.NoError(t, h.err)
	return &ground{T: t, fs: h.fs, root: fmt.Sprint("/grounds/", h.grounds.Add(1))}
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
