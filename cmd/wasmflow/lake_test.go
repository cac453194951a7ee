package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

// lakeJob reads files of a file system, takes its plugin from there and writes parts there; its
// decisions are there, too.
const lakeJob = `
name = "lake"
job.parallelism = 2
job.batch = { records = 64 }
checkpoint = { interval = "100ms", store = "%[1]s/store" }
sources.lines = { connector = "file", path = "%[1]s/in/*.txt", rate_limit = { records = 100 } }
plugins.upper = { path = "%[1]s/upper.wasm" }
transforms.shout = { from = ["lines"], plugin = "upper", function = "uppercase" }
[sinks.out]
connector = "bucketing"
from = ["shout"]
path = "%[1]s/out"
bucketer = "base-path"
`

// lake is a file system as a person sees it.
type lake struct {
	t      *testing.T
	fs     filesystem.FileSystem
	url    string // of the root
	strike func() // kills the server and starts it again
	dir    string // of the job file
	root   string
	want   []string // what comes of the input
	worker *exec.Cmd
	stderr *watcher
}

// newLake writes the input, the plugin and the job.
func newLake(t *testing.T, fs filesystem.FileSystem, base, name string, strike func()) *lake {
	t.Helper()
	l := &lake{t: t, fs: fs, root: "/" + name, url: base + "/" + name, strike: strike}
	for file := range 2 {
		var text strings.Builder
		for i := range 3000 {
			line := fmt.Sprintf("file %d line %d", file, i)
			l.want = append(l.want, strings.ToUpper(line))
			fmt.Fprintln(&text, line)
		}
		name := fmt.Sprintf("%s/in/%d.txt", l.root, file)
		require.NoError(t, fs.WriteFile(t.Context(), name, []byte(text.String())))
	}
	slices.Sort(l.want)
	plugin := guestC(t, "uppercase_c.wasm")
	require.NoError(t, fs.WriteFile(t.Context(), l.root+"/upper.wasm", plugin))
	l.dir = folder(t, map[string]string{"job.toml": fmt.Sprintf(lakeJob, l.url)})
	return l
}

// TestJobsOnHDFS runs jobs on a real cluster.
func TestJobsOnHDFS(t *testing.T) {
	h, err := servers.StartHDFS(t.Context(), servers.HDFSOptions{})
	require.NoError(t, err)
	defer func() { require.NoError(t, h.Close()) }()
	t.Setenv("HADOOP_CONF_DIR", h.Conf())
	t.Setenv("HADOOP_USER_NAME", servers.HDFSUser)
	o, err := hdfs.FromEnvironment(os.LookupEnv, "")
	require.NoError(t, err)
	fs, err := hdfs.New(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	base := "hdfs://" + h.Address()
	t.Run("kill -9 of the worker and of the NameNode", func(t *testing.T) {
		newLake(t, fs, base, "kill", func() {
			require.NoError(t, h.NameNode().Kill())
			require.NoError(t, h.NameNode().Start(context.WithoutCancel(t.Context())))
		}).isKilled()
	})
	t.Run("refusals", func(t *testing.T) {
		l := newLake(t, fs, base, "refusals", nil)
		t.Setenv("HADOOP_USER_NAME", "stranger")
		text := l.validate()
		require.Contains(t, text, `permission denied to user "stranger"`)
		require.Contains(t, text, "job.toml:")
		t.Setenv("HADOOP_USER_NAME", servers.HDFSUser)
		l.refuses()
	})
}

// TestJobsOnS3 runs jobs on a real server.
func TestJobsOnS3(t *testing.T) {
	server, err := servers.StartS3(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Close()) }()
	require.NoError(t, server.MakeBucket("lake"))
	server.Setenv(t.Setenv)
	o, err := s3.FromEnvironment(t.Context(), os.LookupEnv, "lake")
	require.NoError(t, err)
	fs, err := s3.New(o)
	require.NoError(t, err)
	defer func() { require.NoError(t, fs.Close()) }()
	t.Run("kill -9 of the worker and of the server", func(t *testing.T) {
		newLake(t, fs, "s3://lake", "kill", func() {
			require.NoError(t, server.Kill())
			require.NoError(t, server.Start(context.WithoutCancel(t.Context())))
		}).isKilled()
	})
	t.Run("refusals", func(t *testing.T) {
		l := newLake(t, fs, "s3://lake", "refusals", nil)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
		text := l.validate()
		require.Contains(t, text, "correct AWS_SECRET_ACCESS_KEY")
		require.Contains(t, text, "job.toml:")
		t.Setenv("AWS_SECRET_ACCESS_KEY", servers.S3SecretKey)
		l.refuses()
		l.rewrite("s3://lake/refusals/in", "s3://puddle/in")
		require.Contains(t, l.validate(), `there is no bucket "puddle"`)
	})
}

// start starts the job in a process of its own.
func (l *lake) start() {
	l.t.Helper()
	l.stderr = newWatcher()
	l.worker = child(l.t, l.dir, newWatcher(), l.stderr, "run", "job.toml")
	require.NoError(l.t, l.worker.Start())
	l.t.Cleanup(func() { _ = l.worker.Process.Kill() }) // it ended, unless the test failed
}

// seen returns what a reader sees below a folder, by path.
func (l *lake) seen(dir string) map[string]string {
	l.t.Helper()
	files := map[string]string{}
	for info, err := range l.fs.List(l.t.Context(), l.root+dir, true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break
		}
		require.NoError(l.t, err)
		if info.Dir || strings.Contains(info.Path, "/"+filesystem.StagingFolder+"/") {
			continue
		}
		r, err := l.fs.Open(l.t.Context(), info.Path, 0)
		require.NoError(l.t, err)
		data, err := io.ReadAll(r)
		require.NoError(l.t, errors.Join(err, r.Close()))
		files[info.Path] = string(data)
	}
	return files
}

// grows waits until more files are visible than before.
func (l *lake) grows(before int) map[string]string {
	l.t.Helper()
	var files map[string]string
	require.Eventually(l.t, func() bool {
		files = l.seen("/out")
		return len(files) > before
	}, 2*time.Minute, 20*time.Millisecond, "nothing is published")
	return files
}

func sortedLines(files map[string]string) []string {
	var all []string
	for _, text := range files {
		all = append(all, strings.Split(strings.TrimSuffix(text, "\n"), "\n")...)
	}
	slices.Sort(all)
	return all
}

// isKilled kills the worker twice and the server once in the middle of the work. Whatever was
// visible stays, and in the end every line is there once. The worker is slow until it is killed for
// the last time: it would need a minute to be done before that.
func (l *lake) isKilled() {
	t := l.t
	visible := map[string]string{}
	for range 2 {
		l.start()
		visible = l.grows(len(visible))
		require.NoError(t, l.worker.Process.Kill())
		require.Error(t, l.worker.Wait(), "it was killed")
	}
	l.rewrite("records = 100", "records = 5000")
	l.start()
	visible = l.grows(len(visible))
	l.strike()
	require.NoError(t, l.worker.Wait(), l.stderr)

	after := l.seen("/out")
	for name, text := range visible {
		require.Equal(t, text, after[name], "%s was visible and changed", name)
	}
	require.Equal(t, l.want, sortedLines(after))
	for info, err := range l.fs.List(t.Context(), l.root+"/out/"+filesystem.StagingFolder, true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break // where folders are not of their own
		}
		require.NoError(t, err)
		require.True(t, info.Dir, "%s is left over", info.Path)
	}
}

// validate runs the command's check of the outside and returns what it says.
func (l *lake) validate() string {
	l.t.Helper()
	out := newWatcher()
	cmd := child(l.t, l.dir, out, out, "validate", "--connect", "job.toml")
	require.Error(l.t, cmd.Run())
	return out.String()
}

// refuses has users who get what is wrong, and where.
func (l *lake) refuses() {
	l.t.Helper()
	require.NoError(l.t, l.fs.WriteFile(l.t.Context(), l.root+"/out", []byte("a file\n")))
	require.Contains(l.t, l.validate(), "is a file; name a folder")

	l.rewrite(`"bucketing"`, `"file"`, "bucketer = \"base-path\"\n", "")
	require.Contains(l.t, l.validate(), "bucketing")
}

// rewrite replaces texts in the job file.
func (l *lake) rewrite(oldnew ...string) {
	l.t.Helper()
	text, err := os.ReadFile(l.dir + "/job.toml")
	require.NoError(l.t, err)
	job := strings.NewReplacer(oldnew...).Replace(string(text))
	require.NoError(l.t, os.WriteFile(l.dir+"/job.toml", []byte(job), 0o600))
}
