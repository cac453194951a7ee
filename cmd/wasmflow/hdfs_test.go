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
)

// lakeJob reads files of HDFS and writes parts there; its decisions are there, too.
const lakeJob = `
name = "lake"
job.parallelism = 2
job.batch = { records = 64 }
checkpoint = { interval = "100ms", store = "%[1]s/store" }
sources.lines = { connector = "file", path = "%[1]s/in/*.txt", rate_limit = { records = 100 } }
[sinks.out]
connector = "bucketing"
from = ["lines"]
path = "%[1]s/out"
bucketer = "base-path"
`

// lake is a cluster as a person sees it.
type lake struct {
	t      *testing.T
	hdfs   *servers.HDFS
	fs     *hdfs.FileSystem
	dir    string // of the job file
	root   string
	input  []string
	worker *exec.Cmd
	stderr *watcher
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
	for _, story := range []struct {
		name string
		run  func(*lake)
	}{
		{"kill -9 of the worker and of the NameNode", (*lake).isKilled},
		{"refusals", (*lake).refuses},
	} {
		t.Run(story.name, func(t *testing.T) {
			l := &lake{t: t, hdfs: h, fs: fs, root: "/" + strings.Fields(story.name)[0]}
			for file := range 2 {
				var text strings.Builder
				for i := range 3000 {
					line := fmt.Sprintf("file %d line %d", file, i)
					l.input = append(l.input, line)
					fmt.Fprintln(&text, line)
				}
				name := fmt.Sprintf("%s/in/%d.txt", l.root, file)
				require.NoError(t, fs.WriteFile(t.Context(), name, []byte(text.String())))
			}
			slices.Sort(l.input)
			l.dir = folder(t, map[string]string{
				"job.toml": fmt.Sprintf(lakeJob, "hdfs://"+h.Address()+l.root),
			})
			story.run(l)
		})
	}
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

// isKilled kills the worker twice and the NameNode once in the middle of the work. Whatever was
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
	require.NoError(t, l.hdfs.NameNode().Kill())
	require.NoError(t, l.hdfs.NameNode().Start(context.WithoutCancel(t.Context())))
	require.NoError(t, l.worker.Wait(), l.stderr)

	after := l.seen("/out")
	for name, text := range visible {
		require.Equal(t, text, after[name], "%s was visible and changed", name)
	}
	require.Equal(t, l.input, sortedLines(after))
	for info, err := range l.fs.List(t.Context(), l.root+"/out/"+filesystem.StagingFolder, true) {
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
	l.t.Setenv("HADOOP_USER_NAME", "stranger")
	text := l.validate()
	require.Contains(l.t, text, `permission denied to user "stranger"`)
	require.Contains(l.t, text, "job.toml:")

	l.t.Setenv("HADOOP_USER_NAME", servers.HDFSUser)
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
