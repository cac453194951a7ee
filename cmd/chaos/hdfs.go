package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/hdfs"
)

const (
	// dataNodes is the number of DataNodes, and of the replicas of every file: one that dies is in
	// the way of every part that is being written.
	dataNodes = 3
	// lakeRoot is where the job writes.
	lakeRoot = "/chaos/out"
)

// hdfsEnds are the ends of a job that reads files of this machine and writes to a real HDFS, where
// it decides, too. It implements chaos.Ends and chaos.Progress.
type hdfsEnds struct {
	*fileEnds // the input and the job
	lake
	cluster *servers.HDFS
}

// hdfsScale is how much is done to a job on HDFS.
type hdfsScale struct {
	scale
	names, data int // times that the NameNode and a DataNode die
}

func fullHDFS() hdfsScale {
	return hdfsScale{scale{1_200_000, 1_000, 30, 7, 5, 1500 * time.Millisecond}, 10, 10}
}

func shortHDFS() hdfsScale {
	return hdfsScale{scale{150_000, 400, 2, 1, 1, 1500 * time.Millisecond}, 1, 1}
}

// crashes are the moments in the life of a part at which the job dies, by the letters they have in
// the table of faults, and the places that stand for them. The short form dies at the first one of
// each.
func crashes() []crash {
	return []crash{
		{"H1", "pending part created", []string{"bucketing/after-create"}},
		{"H2", "pending part half written", []string{"bucketing/after-run"}},
		{"H3", "pending part closed", []string{"bucketing/after-close", "bucketing/after-prepare"}},
		{"H4", "parts listed, epoch not decided", []string{"storelog/decide-before-publish"}},
		{"H5", "epoch decided, answer lost", []string{"storelog/decide-after-publish"}},
		{"H6", "epoch decided, nothing renamed", []string{"bucketing/before-publish",
			"storelog/decided"}},
		{"H7", "some parts renamed", []string{"bucketing/after-publish"}},
		{"H8", "all parts renamed, nothing noted", []string{"bucketing/after-commit",
			"storelog/before-applied"}},
		{"H9", "half cleaned up", []string{"bucketing/after-stray", "bucketing/before-strays",
			"storelog/after-applied", "storelog/retain-before-remove"}},
	}
}

// crash is one of them.
type crash struct {
	letter, what string
	places       []string
}

// runHDFS lets one job bear everything.
func runHDFS(ctx context.Context, dir string, o options, out io.Writer) (err error) {
	s := fullHDFS()
	if o.short {
		s = shortHDFS()
	}
	fmt.Fprintf(out, "chaos: hdfs: %d lines, %d DataNodes\n", s.lines, dataNodes)
	var places []string
	for _, c := range crashes() {
		if o.short {
			c.places = c.places[:1]
		}
		fmt.Fprintf(out, "chaos: %s, %s: %s\n", c.letter, c.what, strings.Join(c.places, ", "))
		places = append(places, c.places...)
	}
	e, err := newHDFS(ctx, dir, o.binary, o.guests, s.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	return chaos.New(chaos.Config{
		Ends: e, Seed: o.seed, Kills: s.kills, Failpoints: places, Each: s.each, Zombies: s.zombies,
		LifeMin: 300 * time.Millisecond, LifeMax: s.lifeMax, Parallelism: 3, ParallelismMax: 4,
		Once: once(), Before: before(), Log: out,
		Near: []string{
			"storelog/decide-before-publish", "storelog/decide-after-publish", "storelog/decided",
		},
		Blows: e.blows(s.names, s.data),
	}).Run(ctx)
}

// newHDFS starts the cluster and writes the input. It ends with close.
func newHDFS(ctx context.Context, dir, binary, guests string, s scale) (e *hdfsEnds, err error) {
	cluster, err := servers.StartHDFS(ctx, servers.HDFSOptions{DataNodes: dataNodes})
	if err != nil {
		return nil, err
	}
	e = &hdfsEnds{
		fileEnds: &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}, cluster: cluster,
	}
	e.root = lakeRoot
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	// The job and this program find the cluster as everybody does.
	for name, value := range map[string]string{
		"HADOOP_CONF_DIR": cluster.Conf(), "HADOOP_USER_NAME": servers.HDFSUser,
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	o, err := hdfs.FromEnvironment(os.LookupEnv, "")
	if err != nil {
		return nil, err
	}
	if e.fs, err = hdfs.New(o); err != nil {
		return nil, err
	}
	e.line = func(n int) string {
		return fmt.Sprintf(`{"seq":"%08d","bucket":"b%d"}`, n, n%buckets)
	}
	e.job = func(parallelism int, limit string) string { return e.lakeJob(guests, parallelism, limit) }
	return e, e.prepare()
}

// lakeJob returns the job: every line goes into the folder of its bucket.
func (e *hdfsEnds) lakeJob(guests string, parallelism int, limit string) string {
	return fmt.Sprintf(`
name = "chaos"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "100ms"
store = "hdfs://%[3]s/chaos/store"
[restart]
strategy = "exponential-delay"
initial_backoff = "100ms"
max_backoff = "1s"
[plugins.bucket]
path = %[2]q
config = { path = "{bucket}" }
[sources.lines]
connector = "file"
path = "input"
%[4]s
[sinks.out]
connector = "bucketing"
from = ["lines"]
path = "hdfs://%[3]s%[5]s"
bucketer = { plugin = "bucket", function = "bucket_by_field" }
batch_size = "256KiB"
`, parallelism, filepath.Join(guests, "bucket-by-field.wasm"), e.cluster.Address(), limit, lakeRoot)
}

func (e *hdfsEnds) close() error { return e.lake.close(e.cluster) }

// Watch implements chaos.Ends.
func (e *hdfsEnds) Watch() error { return e.lake.Watch() }

// Check implements chaos.Ends: every line is there once, in the folder of its bucket and in the
// order of the input within each file, and nothing is left that is not visible.
func (e *hdfsEnds) Check() (string, error) {
	return e.lake.check(e.lines, "pending parts are left that no manifest will publish", e.leftOver)
}

// leftOver names what lies in the staging folder, which is empty when a job is done: the newest
// manifest names parts that are visible, and no others.
func (e *hdfsEnds) leftOver(ctx context.Context) ([]string, error) {
	var names []string
	for info, err := range e.fs.List(ctx, path.Join(lakeRoot, filesystem.StagingFolder), true) {
		if err != nil {
			return nil, fmt.Errorf("looking for pending parts: %w", err)
		}
		if !info.Dir {
			names = append(names, info.Path)
		}
	}
	return names, nil
}

var (
	_ chaos.Ends     = (*hdfsEnds)(nil)
	_ chaos.Progress = (*hdfsEnds)(nil)
)
