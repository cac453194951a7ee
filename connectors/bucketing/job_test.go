package bucketing

import (
	"context"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest/sinkjob"
)

const (
	testRoot = "/base"
	testJob  = sinkjob.JobID
	testSink = sinkjob.Sink
)

// job is a job with the sink and with a clock in milliseconds that stands still until it is set.
type job struct {
	*sinkjob.Job[*Sink, *writer]
	config *Config
	root   string // where it began to write
	clock  int64
	batch  connectors.Batch
	seen   map[string]string // every file that was ever visible
}

// newJob returns a job whose buckets are named by the records themselves.
func newJob(t *testing.T, change ...func(*Config)) *job {
	t.Helper()
	j := &job{config: NewConfig(), seen: map[string]string{}}
	j.config.Path = testRoot
	j.config.Bucketer = Bucketer{
		Function: connectors.FunctionRef{Plugin: "test", Function: "by_value"},
	}
	for _, f := range change {
		f(j.config)
	}
	j.Job = sinkjob.New[*Sink, *writer](t, j.config)
	j.root, j.Bucketer = j.config.Path, &byValue{}
	j.Now = func() time.Time { return time.UnixMilli(j.clock) }
	return j
}

func inactivity(d time.Duration) func(*Config) {
	return func(c *Config) {
		c.InactiveThreshold, c.InactiveCheck = connectors.Duration(d), connectors.Duration(d)
	}
}

// byValue names the bucket of a record like the record, or a text in it, up to an "@".
type byValue struct{ calls int }

func (a *byValue) Assign(
	_ context.Context, in *connectors.Batch, out *connectors.Buckets, _ *connectors.Faults,
) error {
	a.calls++
	for i := range in.Records {
		name, _, _ := strings.Cut(string(in.Records[i].Value), "@")
		name = name[strings.LastIndexByte(name, '"')+1:]
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

// start claims the job and opens it with so many tasks, on top of the last decided epoch.
func (j *job) start(tasks int) *job {
	j.T.Helper()
	require.NoError(j.T, j.Start(tasks))
	j.look()
	return j
}

// write writes values with the writer of a task and then scribbles over them (C2).
func (j *job) write(task int, values ...string) *job {
	j.T.Helper()
	b := &j.batch
	b.Reset()
	for _, v := range values {
		b.Append().Value = b.Copy([]byte(v))
	}
	require.NoError(j.T, j.Writers[task].Write(j.Ctx, b))
	for i := range b.Records {
		for k := range b.Records[i].Value {
			b.Records[i].Value[k] = '#'
		}
	}
	return j
}

// at sets the clock and gives every writer its turn.
func (j *job) at(ms int64) *job {
	j.T.Helper()
	j.clock = ms
	for _, w := range j.Writers {
		require.NoError(j.T, w.OnTime(j.Ctx, time.UnixMilli(ms)))
	}
	j.settle()
	return j
}

// settle waits for parts that are being closed, so that counts are the same in every run.
func (j *job) settle() {
	for _, w := range j.Writers {
		w.sealer.running.Wait()
	}
}

// snapshot prepares an epoch on all tasks and decides it.
func (j *job) snapshot() checkpoint.Epoch {
	j.T.Helper()
	e := j.Decide()
	j.look()
	return e
}

// notify commits a decided epoch.
func (j *job) notify(e checkpoint.Epoch) *job {
	j.T.Helper()
	j.Commit(e)
	j.look()
	return j
}

// checkpoint decides and commits.
func (j *job) checkpoint() *job {
	j.T.Helper()
	return j.notify(j.snapshot())
}

// close ends all writers in order.
func (j *job) close() *job {
	j.T.Helper()
	j.Close()
	j.look()
	return j
}

// files returns what a reader sees: content by path below the base path.
func (j *job) files() map[string]string {
	j.T.Helper()
	return j.Files(j.root)
}

// look holds that what was visible once is there and has not changed.
func (j *job) look() {
	j.T.Helper()
	now := j.files()
	for name, was := range j.seen {
		if is, ok := now[name]; !ok || is != was {
			j.T.Fatalf("%s was visible with %d bytes and now has %d (there: %v)",
				name, len(was), len(is), ok)
		}
	}
	j.seen = now
}

// rows returns every row a reader sees, as "bucket: row", sorted.
func (j *job) rows() []string {
	j.T.Helper()
	rows := []string{}
	for name, content := range j.files() {
		if content == "" {
			continue
		}
		switch {
		case strings.HasPrefix(content, "SEQ"):
			content = strings.Join(sequenceValues(j.T, content), "\n") + "\n"
		case strings.HasPrefix(content, "PAR1"):
			content = strings.Join(parquetPairs(j.T, content), "\n") + "\n"
		}
		if !strings.HasSuffix(content, "\n") {
			j.T.Fatalf("%s ends within a row", name)
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
	j.T.Helper()
	values := j.rows()
	for i, row := range values {
		_, values[i], _ = strings.Cut(row, ": ")
	}
	slices.Sort(values)
	return values
}

// showsOpen tells whether a part that is being written has left something already. On an object
// store small ones have not.
func (j *job) showsOpen() bool { return j.View().Abilities().Directories }

// counts are (open, pending, final) files.
type counts [3]int

func (j *job) counts() counts {
	j.T.Helper()
	j.settle()
	var c counts
	for _, w := range j.Writers {
		c[0] += len(w.open)
	}
	for _, err := range j.View().ListStrays(j.Ctx, j.root, testJob) {
		require.NoError(j.T, err)
		c[1]++
	}
	if j.showsOpen() {
		c[1] -= c[0]
	}
	c[2] = len(j.files())
	return c
}
