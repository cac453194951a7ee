package bucketing

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

func TestConformance(t *testing.T) {
	for name, bucketer := range map[string]Bucketer{
		"base path": {}, "record time": {Pattern: defaultPattern, Zone: "UTC", Time: timeRecord},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.RunSink(t, func(t *testing.T) connectortest.SinkHarness {
				j := newJob(t, size(30), func(c *Config) { c.Bucketer = bucketer })
				fs := local.New(local.Options{Disk: j.Disk})
				return connectortest.SinkHarness{
					Open: func(t *testing.T, env connectors.Env) connectors.Sink {
						return openWith(t, j.config, fs, env)
					},
					Read:      func(*testing.T) []string { j.look(); return j.values() },
					Strays:    func(*testing.T) []string { return j.staged() },
					Guarantee: j.config.Guarantee(),
				}
			})
		})
	}
}

func openWith(
	t *testing.T, c *Config, fs filesystem.FileSystem, env connectors.Env,
) connectors.Sink {
	t.Helper()
	env.FileSystems = func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
		return fs, url, nil
	}
	s, err := c.Open(t.Context(), env)
	require.NoError(t, err)
	return s
}

// staged names every file in the staging folder, whatever job it is of.
func (j *job) staged() []string {
	j.T.Helper()
	var names []string
	fs := local.New(local.Options{Disk: j.Disk})
	for info, err := range fs.List(j.Ctx, testRoot+"/"+filesystem.StagingFolder, true) {
		if err != nil {
			require.ErrorIs(j.T, err, filesystem.ErrNotFound)
			break
		}
		if !info.Dir {
			names = append(names, info.Path)
		}
	}
	return names
}

// TestOnDisk writes to the machine's own disk: two lives, the first of which crashes.
func TestOnDisk(t *testing.T) {
	j := newJob(t)
	root := t.TempDir()
	j.config.Path = root
	j.OnDisk = local.New(local.Options{})
	require.NoError(t, j.Start(2))
	for task, v := range []string{"a@1", "b/c@2"} {
		b := &connectors.Batch{}
		b.Append().Value = []byte(v)
		require.NoError(t, j.Writers[task].Write(t.Context(), b))
		cs, err := j.Writers[task].Prepare(t.Context(), 1)
		require.NoError(t, err)
		j.Decided[1] = append(j.Decided[1], cs...)
		require.NoError(t, j.Writers[task].Write(t.Context(), b)) // lost with the process
	}
	j.Epoch = 1
	require.NoError(t, j.Start(1))
	for name, want := range map[string]string{
		"a/part-5eed-out-0-1-00000001-0": "a@1\n", "b/c/part-5eed-out-1-1-00000001-0": "b/c@2\n",
	} {
		got, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	left, err := os.ReadDir(filesystem.Staging(root, testJob))
	require.NoError(t, err)
	require.Empty(t, left)
}
