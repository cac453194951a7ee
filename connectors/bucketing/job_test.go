package bucketing

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	testRoot = "/base"
	testJob  = "5eed"
	testSink = "out"
)

// job drives the sink as an engine would: claims, epochs, commits and restarts, on a disk in
// memory and with a clock in milliseconds that stands still until it is set.
type job struct {
	t      *testing.T
	ctx    context.Context
	disk   *fstest.Disk
	onDisk *local.FileSystem // instead of disk, when set
	hooks  []fstest.Hook     // between the local implementation and the disk
	config *Config
	clock  int64
	guest  connectors.BucketAssigner

	claim   uint64
	epoch   checkpoint.Epoch
	applied checkpoint.Epoch
	decided map[checkpoint.Epoch][]checkpoint.Committable

	sink      *Sink
	committer checkpoint.Committer
	writers   []*writer
	batch     connectors.Batch
	faults    []string
	seen      map[string]string // every file that was ever visible
}

// newJob returns a job whose buckets are named by the records themselves.
func newJob(t *testing.T, change ...func(*Config)) *job {
	t.Helper()
	j := &job{
		t: t, ctx: t.Context(), disk: fstest.NewDisk(), config: NewConfig(), guest: &byValue{},
		decided: map[checkpoint.Epoch][]checkpoint.Committable{}, seen: map[string]string{},
	}
	j.config.Path = testRoot
	j.config.Bucketer = Bucketer{
		Function: connectors.FunctionRef{Plugin: "test", Function: "by_value"},
	}
	for _, f := range change {
		f(j.config)
	}
	var p connectors.Problems
	j.config.Validate(&p)
	require.Empty(t, p.List)
	return j
}

func inactivity(d time.Duration) func(*Config) {
	return func(c *Config) {
		c.InactiveThreshold, c.InactiveCheck = connectors.Duration(d), connectors.Duration(d)
	}
}

// byValue names the bucket of a record like the record, up to an "@".
type byValue struct{ calls int }

func (a *byValue) Assign(
	_ context.Context, in *connectors.Batch, out *connectors.Buckets, _ *connectors.Faults,
) error {
	a.calls++
	for i := range in.Records {
		name, _, _ := strings.Cut(string(in.Records[i].Value), "@")
		at := slices.Index(out.Names, name)
		if at < 0 {
			at = len(out.Names)
			out.Names = append(out.Names, name)
		}
		out.Index = append(out.Index, uint32(at))
	}
	return nil
}

func (a *byValue) Close() error { return nil }

func (j *job) fileSystem() *local.FileSystem {
	if j.onDisk != nil {
		return j.onDisk
	}
	return local.New(local.Options{Disk: fstest.WrapDisk(j.disk, j.hooks...), Nonce: "test"})
}

func (j *job) env() connectors.Env {
	return connectors.Env{
		Job: "test", JobID: testJob, Name: testSink, Parallelism: len(j.writers),
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now:    func() time.Time { return time.UnixMilli(j.clock) },
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			p, err := local.Path(url)
			return j.fileSystem(), p, err
		},
	}
}

// start claims the job and opens it with so many tasks, on top of the last decided epoch.
func (j *job) start(tasks int) *job {
	j.t.Helper()
	require.NoError(j.t, j.tryStart(tasks))
	j.look()
	return j
}

func (j *job) tryStart(tasks int) error {
	j.claim++
	opened, err := j.config.Open(j.ctx, j.env())
	if err != nil {
		return err
	}
	j.sink = opened.(*Sink)
	owner := checkpoint.Owner{Number: j.claim, Nonce: fmt.Sprintf("%08x", j.claim)}
	j.committer, err = j.sink.OpenCommitter(j.ctx, connectors.CommitterContext{Owner: owner})
	if err != nil {
		return err
	}
	if err := j.committer.Recover(j.ctx, j.decided[j.epoch], j.retained()); err != nil {
		return err
	}
	j.applied = j.epoch
	j.writers = nil
	for task := range tasks {
		w, err := j.sink.OpenWriter(j.ctx, connectors.WriterContext{
			Task: task, Owner: owner, Bucketer: j.guest, Faults: j.fault,
		})
		if err != nil {
			return err
		}
		j.writers = append(j.writers, w.(*writer))
	}
	return nil
}

func (j *job) retained() checkpoint.Retained {
	keep := checkpoint.Retained{Claim: j.claim, Applied: j.applied}
	for _, e := range slices.Sorted(maps.Keys(j.decided)) {
		keep.Named = append(keep.Named, j.decided[e]...)
	}
	return keep
}

func (j *job) fault(r *connectors.Record, f connectors.Fault) error {
	j.faults = append(j.faults, fmt.Sprintf("%s: %s: %s", r.Value, f.Function, f.Text))
	return nil
}

// write writes values with the writer of a task and then scribbles over them (C2).
func (j *job) write(task int, values ...string) *job {
	j.t.Helper()
	b := &j.batch
	b.Reset()
	for _, v := range values {
		b.Append().Value = b.Copy([]byte(v))
	}
	require.NoError(j.t, j.writers[task].Write(j.ctx, b))
	for i := range b.Records {
		for k := range b.Records[i].Value {
			b.Records[i].Value[k] = '#'
		}
	}
	return j
}

// at sets the clock and gives every writer its turn.
func (j *job) at(ms int64) *job {
	j.t.Helper()
	j.clock = ms
	for _, w := range j.writers {
		require.NoError(j.t, w.OnTime(j.ctx, time.UnixMilli(ms)))
	}
	j.settle()
	return j
}

// settle waits for parts that are being closed, so that counts are the same in every run.
func (j *job) settle() {
	for _, w := range j.writers {
		w.sealer.running.Wait()
	}
}

// snapshot prepares an epoch on all tasks and decides it.
func (j *job) snapshot() checkpoint.Epoch {
	j.t.Helper()
	e := j.epoch + 1
	var all []checkpoint.Committable
	for _, w := range j.writers {
		require.NoError(j.t, w.Flush(j.ctx))
		cs, err := w.Prepare(j.ctx, e)
		require.NoError(j.t, err)
		all = append(all, cs...)
	}
	j.epoch = e
	j.decided[e] = all
	j.look()
	return e
}

// notify commits a decided epoch.
func (j *job) notify(e checkpoint.Epoch) *job {
	j.t.Helper()
	require.NoError(j.t, j.committer.Commit(j.ctx, j.decided[e]))
	j.look()
	return j
}

// checkpoint decides and commits.
func (j *job) checkpoint() *job {
	j.t.Helper()
	return j.notify(j.snapshot())
}

// close ends all writers in order.
func (j *job) close() *job {
	j.t.Helper()
	for _, w := range j.writers {
		require.NoError(j.t, w.Close())
		require.NoError(j.t, w.Close())
	}
	require.NoError(j.t, j.committer.Close())
	require.NoError(j.t, j.sink.Close())
	j.look()
	return j
}

// files returns what a reader sees: content by path below the base path.
func (j *job) files() map[string]string {
	j.t.Helper()
	files := map[string]string{}
	fs := local.New(local.Options{Disk: j.disk})
	for info, err := range fs.List(j.ctx, testRoot, true) {
		if err != nil {
			require.ErrorIs(j.t, err, filesystem.ErrNotFound)
			return files
		}
		name := strings.TrimPrefix(info.Path, testRoot+"/")
		if info.Dir || strings.HasPrefix(name, filesystem.StagingFolder) {
			continue
		}
		data, err := fs.ReadFile(j.ctx, info.Path, 1<<30)
		require.NoError(j.t, err)
		files[name] = string(data)
	}
	return files
}

// look holds that what was visible once is there and has not changed.
func (j *job) look() {
	j.t.Helper()
	now := j.files()
	for name, was := range j.seen {
		if is, ok := now[name]; !ok || is != was {
			j.t.Fatalf("%s was visible with %d bytes and now has %d (there: %v)",
				name, len(was), len(is), ok)
		}
	}
	j.seen = now
}

// rows returns every row a reader sees, as "bucket: row", sorted.
func (j *job) rows() []string {
	j.t.Helper()
	rows := []string{}
	for name, content := range j.files() {
		if content == "" {
			continue
		}
		if !strings.HasSuffix(content, "\n") {
			j.t.Fatalf("%s ends within a row", name)
		}
		for row := range strings.Lines(content) {
			rows = append(rows, path.Dir(name)+": "+strings.TrimSuffix(row, "\n"))
		}
	}
	slices.Sort(rows)
	return rows
}

// values returns every value a reader sees, sorted.
func (j *job) values() []string {
	j.t.Helper()
	values := j.rows()
	for i, row := range values {
		_, values[i], _ = strings.Cut(row, ": ")
	}
	slices.Sort(values)
	return values
}

// counts are (open, pending, final) files.
type counts [3]int

func (j *job) counts() counts {
	j.t.Helper()
	j.settle()
	var c counts
	for _, w := range j.writers {
		c[0] += len(w.open)
	}
	fs := local.New(local.Options{Disk: j.disk})
	for _, err := range fs.ListStrays(j.ctx, testRoot, testJob) {
		require.NoError(j.t, err)
		c[1]++
	}
	c[1] -= c[0]
	c[2] = len(j.files())
	return c
}
