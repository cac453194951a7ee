package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

const (
	// lineBytes is the length of a line of the input, the delimiter included.
	lineBytes = 100
	// blockBytes is the length of a block of the cluster.
	blockBytes = 32 << 20
	// buckets is how many folders have an open part in the measurement of memory.
	buckets = 100
	// outRoot is where contenders write.
	outRoot = "/bench"
)

// bench is one run of everything.
type bench struct {
	options
	dir      string
	cluster  *servers.HDFS
	fs       *hdfs.FileSystem
	progress func(string)
	runs     int // so far; makes folders unique
}

// usage is what one run took.
type usage struct {
	cpu  time.Duration // user and system time of the process
	wall time.Duration
	rss  int64 // peak bytes
}

// round is what the contenders took in one round.
type round struct{ sink, put, empty usage }

// perSecond returns MiB per second of CPU of the sink, and of the put less its start.
func (r round) perSecond(mebibytes int) (sink, put float64) {
	return float64(mebibytes) / r.sink.cpu.Seconds(),
		float64(mebibytes) / (r.put.cpu - r.empty.cpu).Seconds()
}

// writeInput writes lines of JSON with a bucket each, in runs as long as a batch has of one.
func (b *bench) writeInput(path string, size int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range size / lineBytes {
		line := fmt.Sprintf(`{"bucket":"%02d","n":%d,"text":"`, n%buckets, n)
		rest := lineBytes - len(line) - len("\"}\n")
		if _, err := w.WriteString(line + strings.Repeat("x", rest) + "\"}\n"); err != nil {
			return err
		}
	}
	return w.Flush()
}

// throughput measures the contenders in turns. The first round warms everything and is dropped.
func (b *bench) throughput(ctx context.Context, input string, size int64) ([]round, error) {
	tiny := filepath.Join(b.dir, "tiny")
	if err := os.WriteFile(tiny, []byte("x"), 0o644); err != nil {
		return nil, err
	}
	var rounds []round
	for i := range b.rounds + 1 {
		var r round
		var err error
		if r.put, err = b.put(ctx, input, size); err != nil {
			return nil, err
		}
		if r.empty, err = b.put(ctx, tiny, 1); err != nil {
			return nil, err
		}
		if r.sink, err = b.job(ctx, input, size, false); err != nil {
			return nil, err
		}
		sink, put := r.perSecond(b.mebibytes)
		b.progress(fmt.Sprintf("round %d of %d: sink %.0f, put %.0f MiB per CPU second", i, b.rounds,
			sink, put))
		if i > 0 {
			rounds = append(rounds, r)
		}
	}
	return rounds, nil
}

// folder returns a new folder of the cluster.
func (b *bench) folder() string {
	b.runs++
	return fmt.Sprintf("%s/%d", outRoot, b.runs)
}

// put has Hadoop's own client copy a file.
func (b *bench) put(ctx context.Context, input string, size int64) (usage, error) {
	out := b.folder()
	if err := b.fs.WriteFile(ctx, out+"/.made", nil); err != nil {
		return usage{}, err
	}
	return b.measured(ctx, out, size, b.cluster.ShellCommand("-put", input, out+"/copy"))
}

// job has wasmflow read the lines of a file and write them to parts of the cluster: in one folder,
// or by one task, which has a part open in each, in those that a guest names.
func (b *bench) job(ctx context.Context, input string, size int64, spread bool) (usage, error) {
	out := b.folder()
	job := filepath.Join(b.dir, fmt.Sprintf("job-%d.toml", b.runs))
	bucketer, plugin := `"base-path"`, ""
	if spread {
		bucketer = `{ plugin = "bucket", function = "bucket_by_field" }`
		plugin = fmt.Sprintf("job.parallelism = 1\nplugins.bucket = { path = %q, "+
			"config = { path = \"{bucket}\" } }", b.guest)
	}
	text := fmt.Sprintf(`name = "bench%[1]d"
checkpoint = { interval = "10s", store = "store-%[1]d" }
restart = { strategy = "none" }
admin = { address = "off" }
%[2]s
sources.in = { connector = "file", path = %[3]q }
[sinks.out]
connector = "bucketing"
from = ["in"]
path = "hdfs://%[4]s%[5]s"
bucketer = %[6]s
`, b.runs, plugin, input, b.cluster.Address(), out, bucketer)
	if err := os.WriteFile(job, []byte(text), 0o644); err != nil {
		return usage{}, err
	}
	return b.measured(ctx, out, size, []string{b.binary, "run", job})
}

// measured runs a command and holds that it wrote size bytes to the folder out, which it removes.
func (b *bench) measured(ctx context.Context, out string, size int64, argv []string) (usage, error) {
	var u usage
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.dir, &said, &said
	cmd.Env = append(os.Environ(), "HADOOP_CONF_DIR="+b.cluster.Conf(),
		"HADOOP_USER_NAME="+servers.HDFSUser)
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return u, err
	}
	peak := measure.WatchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	u = usage{measure.CPUOf(cmd), time.Since(began), peak()}
	if err != nil {
		return u, fmt.Errorf("running %s: %w\n%s", strings.Join(argv, " "), err, said.String())
	}
	return u, b.clear(ctx, out, size)
}

// clear counts the bytes below a folder (B3) and removes them.
func (b *bench) clear(ctx context.Context, out string, size int64) error {
	var paths []string
	written := int64(0)
	for info, err := range b.fs.List(ctx, out, true) {
		if err != nil {
			return err
		}
		if info.Dir {
			continue
		}
		paths = append(paths, info.Path)
		if !strings.Contains(info.Path, "/"+filesystem.StagingFolder+"/") {
			written += info.Size
		}
	}
	if written != size {
		return fmt.Errorf("%d bytes of %d were written", written, size)
	}
	for _, p := range paths {
		if err := b.fs.Remove(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
