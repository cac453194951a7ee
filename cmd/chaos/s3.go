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

// s3Trial is one job and what is done to it.
type s3Trial struct {
	name    string
	about   string
	compact string // of the sink, as TOML
	crashes []crash
	once    []string // of these places, those that only a start passes
	near    []string
	scale   scale
	servers int    // times that the server dies
	decided string // the place of a job that died after a decision, when the server does
}

// s3Trials are a job for each of the two forms that a part has until it is published. The server
// dies only beside the one of which it loses nothing: one that is killed while it completes an
// upload has neither the upload nor the object afterwards, which stops the job, as it must.
func s3Trials(short bool) []s3Trial {
	uploads := scale{300_000, 1_000, 20, 3, 3, time.Second}
	staged := scale{200_000, 1_000, 10, 4, 2, time.Second}
	servers := 4
	if short {
		uploads = scale{24_000, 400, 1, 1, 1, 800 * time.Millisecond}
		staged = scale{24_000, 400, 1, 1, 1, 800 * time.Millisecond}
		servers = 1
	}
	return []s3Trial{
		{
			name: "uploads", about: "parts are uploads in pieces", compact: `"off"`,
			crashes: uploadCrashes(), once: []string{"s3/after-abort"}, scale: uploads,
			near: []string{
				"storelog/decide-before-publish", "storelog/decide-after-publish", "s3/after-marker",
			},
		}, {
			name: "staged", about: "parts are hidden objects, which are joined",
			compact: `{ age = "300ms" }`, crashes: stagedCrashes(), scale: staged, servers: servers,
			near:    []string{"s3/after-stage", "bucketing/after-join", "s3/before-copy"},
			decided: "s3/before-copy",
		},
	}
}

// uploadCrashes are the moments in the life of an upload and of a decision on S3 at which the job
// dies. The short form dies at the first place of each.
func uploadCrashes() []crash {
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

// stagedCrashes are those in the life of a part that is joined with others.
func stagedCrashes() []crash {
	return []crash{
		{"S11", "part staged, no token", []string{"s3/after-stage"}},
		{"S12", "parts joined, epoch not decided", []string{"bucketing/after-join"}},
		{"S13", "epoch decided, nothing copied", []string{"s3/before-copy"}},
		{"S14", "copied, both objects stand", []string{"s3/after-copy"}},
		{"S15", "published, what it was joined from stands", []string{"bucketing/before-drop",
			"bucketing/after-drop"}},
	}
}

// runS3 lets a job for each form bear everything.
func runS3(ctx context.Context, dir string, o options, out io.Writer) error {
	ran := false
	for _, t := range s3Trials(o.short) {
		if o.only != "" && o.only != t.name {
			continue
		}
		ran = true
		at := filepath.Join(dir, t.name)
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		if err := t.run(ctx, at, o, out); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	if !ran {
		return fmt.Errorf("there is no trial %q on S3; there are uploads and staged", o.only)
	}
	return nil
}

// run lets one job bear everything, on a server of its own.
func (t s3Trial) run(ctx context.Context, dir string, o options, out io.Writer) (err error) {
	fmt.Fprintf(out, "chaos: s3: %s: %d lines\n", t.about, t.scale.lines)
	var places []string
	for _, c := range t.crashes {
		if o.short {
			c.places = c.places[:1]
		}
		fmt.Fprintf(out, "chaos: %s, %s: %s\n", c.letter, c.what, strings.Join(c.places, ", "))
		places = append(places, c.places...)
	}
	e, err := newS3(ctx, dir, o.binary, o.guests, t.compact, t.scale)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	return chaos.New(chaos.Config{
		Ends: e, Seed: o.seed, Kills: t.scale.kills, Failpoints: places, Each: t.scale.each,
		Zombies: t.scale.zombies, LifeMin: 200 * time.Millisecond, LifeMax: t.scale.lifeMax,
		Parallelism: 3, ParallelismMax: 4, Once: append(once(), t.once...), Before: before(),
		Near: t.near, Log: out,
		Blows: []chaos.Blow{
			{Name: "the S3 server was killed", Times: (t.servers + 1) / 2, Strike: e.killServer},
			{Name: "the S3 server was killed after a decision of a job that died",
				Times: t.servers / 2, At: t.decided, Strike: e.killServer},
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
func newS3(
	ctx context.Context, dir, binary, guests, compact string, s scale,
) (e *s3Ends, err error) {
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
	e.job = func(parallelism int, limit string) string { return s3Job(parallelism, limit, compact) }
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
func s3Job(parallelism int, limit, compact string) string {
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
compact = %[4]s
`, parallelism, chaosBucket, limit, compact)
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
