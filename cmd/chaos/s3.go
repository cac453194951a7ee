package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	client "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/chaos"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/s3"
)

const (
	// chaosBucket is the bucket that the job reads from, writes to and decides in.
	chaosBucket = "chaos"
	// s3AwayMost bounds how long the server stays away.
	s3AwayMost = 2 * time.Second
)

// s3Ends are the ends of a job between folders of a bucket of a real S3 server. It implements
// chaos.Ends and chaos.Progress.
type s3Ends struct {
	*fileEnds // the input and the job
	lake
	cluster *servers.S3
	client  *client.Client // past the product, for open uploads
}

// s3Scale is how much is done to a job on S3.
type s3Scale struct {
	scale
	servers int // times that the server dies
}

func fullS3() s3Scale {
	return s3Scale{scale{300_000, 1_000, 20, 3, 3, time.Second}, 4}
}

func shortS3() s3Scale {
	return s3Scale{scale{40_000, 400, 1, 1, 1, 800 * time.Millisecond}, 1}
}

// s3Crashes are the moments in the life of a part and of a decision on S3 at which the job dies. The
// short form dies at the first place of each.
func s3Crashes() []crash {
	return []crash{
		{"S1", "marker put, no upload", []string{"s3/after-marker"}},
		{"S2", "upload begun", []string{"s3/after-create"}},
		{"S3", "part uploaded, no token", []string{"s3/after-part", "bucketing/after-close"}},
		{"S4", "parts listed, epoch not decided", []string{"bucketing/after-prepare",
			"storelog/decide-before-publish", "s3/before-exclusive"}},
		{"S5", "epoch decided, answer lost", []string{"s3/after-exclusive",
			"storelog/decide-after-publish"}},
		{"S6", "epoch decided, upload not completed", []string{"s3/before-complete",
			"storelog/decided"}},
		{"S7", "upload completed, marker stands", []string{"s3/after-complete"}},
		{"S8", "all completed, nothing noted", []string{"bucketing/after-commit",
			"storelog/before-applied"}},
		{"S9", "claim decided", []string{"storelog/claim-after-publish"}},
		{"S10", "half cleaned up", []string{"s3/after-abort", "bucketing/after-stray",
			"storelog/retain-before-remove"}},
	}
}

// runS3 lets one job bear everything.
func runS3(ctx context.Context, dir string, o options, out io.Writer) (err error) {
	s := fullS3()
	if o.short {
		s = shortS3()
	}
	fmt.Fprintf(out, "chaos: s3: %d lines\n", s.lines)
	var places []string
	for _, c := range s3Crashes() {
		if o.short {
			c.places = c.places[:1]
		}
		fmt.Fprintf(out, "chaos: %s, %s: %s\n", c.letter, c.what, strings.Join(c.places, ", "))
		places = append(places, c.places...)
	}
	e, err := newS3(ctx, dir, o.binary, o.guests, s.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	return chaos.New(chaos.Config{
		Ends: e, Seed: o.seed, Kills: s.kills, Failpoints: places, Each: s.each, Zombies: s.zombies,
		LifeMin: 200 * time.Millisecond, LifeMax: s.lifeMax, Parallelism: 3, ParallelismMax: 4,
		Once: append(once(), "s3/after-abort"), Before: before(), Log: out,
		Near: []string{
			"storelog/decide-before-publish", "storelog/decide-after-publish", "s3/after-marker",
		},
		Blows: []chaos.Blow{
			{Name: "the S3 server was killed", Times: (s.servers + 1) / 2, Strike: e.killServer},
			{Name: "the S3 server was killed after a decision of a job that died",
				Times: s.servers / 2, At: "s3/before-complete", Strike: e.killServer},
		},
	}).Run(ctx)
}

// killServer kills the server and starts it again after a while.
func (e *s3Ends) killServer(ctx context.Context, rng *rand.Rand) error {
	if err := e.cluster.Kill(); err != nil {
		return err
	}
	err := wait(ctx, within(rng, 0, s3AwayMost))
	return errors.Join(err, e.cluster.Start(ctx))
}

// newS3 starts the server and writes the input. It ends with close.
func newS3(ctx context.Context, dir, binary, guests string, s scale) (e *s3Ends, err error) {
	cluster, err := servers.StartS3(ctx)
	if err != nil {
		return nil, err
	}
	e = &s3Ends{
		fileEnds: &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}, cluster: cluster,
	}
	e.root = "/out"
	defer func() {
		if err != nil {
			err = errors.Join(err, e.close())
		}
	}()
	if err := cluster.MakeBucket(chaosBucket); err != nil {
		return nil, err
	}
	// The job and this program find the server as everybody does.
	cluster.Setenv(func(name, value string) { err = errors.Join(err, os.Setenv(name, value)) })
	if err != nil {
		return nil, err
	}
	o, err := s3.FromEnvironment(ctx, os.LookupEnv, chaosBucket)
	if err != nil {
		return nil, err
	}
	if e.fs, err = s3.New(o); err != nil {
		return nil, err
	}
	e.client = client.NewFromConfig(o.Config, func(o *client.Options) { o.UsePathStyle = true })
	e.line = func(n int) string {
		return fmt.Sprintf(`{"seq":"%08d","bucket":"b%d"}`, n, n%buckets)
	}
	e.job = func(parallelism int, limit string) string { return s3Job(parallelism, limit) }
	if err := e.upload(ctx, filepath.Join(guests, "bucket-by-field.wasm")); err != nil {
		return nil, err
	}
	return e, e.prepare()
}

// upload writes the input and puts it and the plugin into the bucket.
func (e *s3Ends) upload(ctx context.Context, guest string) error {
	if err := e.writeInput(); err != nil {
		return err
	}
	files := map[string]string{guest: "/plugins/" + filepath.Base(guest)}
	for i := range inputFiles {
		name := fmt.Sprintf("lines-%d.txt", i)
		files[filepath.Join(e.input(), name)] = "/in/" + name
	}
	for file, to := range files {
		data, err := os.ReadFile(file)
		if err == nil {
			err = e.fs.WriteFile(ctx, to, data)
		}
		if err != nil {
			return fmt.Errorf("uploading %s: %w", file, err)
		}
	}
	return nil
}

// s3Job returns the job: every line goes into the folder of its bucket. Input, plugin, output and
// decisions are objects.
func s3Job(parallelism int, limit string) string {
	return fmt.Sprintf(`
name = "chaos"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "100ms"
store = "s3://%[2]s/store"
[restart]
strategy = "exponential-delay"
initial_backoff = "100ms"
max_backoff = "1s"
[plugins.bucket]
path = "s3://%[2]s/plugins/bucket-by-field.wasm"
config = { path = "{bucket}" }
[sources.lines]
connector = "file"
path = "s3://%[2]s/in/*.txt"
%[3]s
[sinks.out]
connector = "bucketing"
from = ["lines"]
path = "s3://%[2]s/out"
bucketer = { plugin = "bucket", function = "bucket_by_field" }
batch_size = "256KiB"
`, parallelism, chaosBucket, limit)
}

func (e *s3Ends) close() error { return e.lake.close(e.cluster) }

// Watch implements chaos.Ends.
func (e *s3Ends) Watch() error { return e.lake.Watch() }

// Check implements chaos.Ends: every line is there once, no upload is open and no marker stands.
func (e *s3Ends) Check() (string, error) {
	return e.lake.check(e.lines, "uploads or markers are left", e.leftOver)
}

// leftOver names uploads that are open anywhere in the bucket and markers in the staging folder.
func (e *s3Ends) leftOver(ctx context.Context) ([]string, error) {
	var names []string
	out, err := e.client.ListMultipartUploads(ctx,
		&client.ListMultipartUploadsInput{Bucket: aws.String(chaosBucket)})
	if err != nil {
		return nil, fmt.Errorf("looking for uploads: %w", err)
	}
	for _, u := range out.Uploads {
		names = append(names, aws.ToString(u.Key))
	}
	for info, err := range e.fs.List(ctx, path.Join(e.root, filesystem.StagingFolder), true) {
		if errors.Is(err, filesystem.ErrNotFound) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("looking for markers: %w", err)
		}
		names = append(names, info.Path)
	}
	return names, nil
}

var (
	_ chaos.Ends     = (*s3Ends)(nil)
	_ chaos.Progress = (*s3Ends)(nil)
)
