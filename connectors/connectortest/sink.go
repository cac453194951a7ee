package connectortest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// SinkHarness tells how to open a sink under test and how to read what it wrote.
type SinkHarness struct {
	// Open returns the sink as a new process sees it. The harness adds to env what its sink needs
	// beyond names, parallelism, logger and clock. All processes of one test write to the same
	// place, which nothing was written to before. The suite closes what it opens, except where a
	// process is to die.
	Open func(t *testing.T, env connectors.Env) connectors.Sink
	// Read returns the values that a reader of the output sees now, in any order.
	Read func(t *testing.T) []string
	// Strays names what lies at the place and is not visible; nil when that cannot be told.
	Strays func(t *testing.T) []string
	// Guarantee is what the sink promises. Only exactly-once ones are crashed.
	Guarantee connectors.Guarantee
	// Visible tells when a reader may see a record.
	Visible Visibility
	// TasksMin is the smallest number of tasks the suite uses; 0 means 1.
	TasksMin int
}

// Visibility tells when a reader may see a record.
type Visibility int

const (
	// AtCommit: not before its epoch is committed.
	AtCommit Visibility = iota
	// AtWrite: as soon as it is written; a restart takes back what was not decided.
	AtWrite
)

const (
	sinkJob  = "5eedf00d"
	sinkName = "under-test"
	// epochValues is how many records the suite writes in an epoch.
	epochValues = 6
	// sinkLives is how many processes die in the test of random crashes.
	sinkLives = 40
)

// RunSink checks a sink, its writers and its committer against C1 to C5, I1 to I7 as far as a sink
// keeps them, and the texts of their methods. open is called once for each test.
func RunSink(t *testing.T, open func(t *testing.T) SinkHarness) {
	tests := []struct {
		name    string
		prepare bool // needs a sink that takes part in epochs
		run     func(*sinkSuite)
	}{
		{"every record is read once", false, (*sinkSuite).readOnce},
		{"Write keeps no bytes of the batch", false, (*sinkSuite).borrowedBytes},
		{"Close may be called again", false, (*sinkSuite).closeTwice},
		{"nothing is written where nothing came", false, (*sinkSuite).nothing},

		{"records appear with the commit of their epoch", true, (*sinkSuite).visibility},
		{"committables say whose they are", true, (*sinkSuite).labels},
		{"Commit may be repeated by any process", true, (*sinkSuite).commitTwice},
		{"Abort may be repeated", true, (*sinkSuite).abort},
		{"Recover finishes what was decided", true, (*sinkSuite).recover},
		{"Recover leaves retained epochs alone", true, (*sinkSuite).retained},
		{"Recover cleans up after the dead", true, (*sinkSuite).strays},
		{"a newer or damaged committable is refused", true, (*sinkSuite).formats},
		{"committables of other sinks are left alone", true, (*sinkSuite).foreign},
		{"tasks and committer work at the same time", true, (*sinkSuite).concurrent},
		{"a process dies at every step", true, (*sinkSuite).everyStep},
		{"processes die at random steps", true, (*sinkSuite).randomSteps},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			if tt.prepare && h.Guarantee != connectors.ExactlyOnce {
				return // it takes no part in epochs
			}
			h.TasksMin = max(h.TasksMin, 1)
			tt.run(&sinkSuite{
				t: t, ctx: t.Context(), h: h,
				decided: map[checkpoint.Epoch][]checkpoint.Committable{},
			})
		})
	}
}

// sinkSuite is one test: a job over several processes, and what its log holds.
type sinkSuite struct {
	t   *testing.T
	ctx context.Context
	h   SinkHarness

	claim   uint64
	epoch   checkpoint.Epoch // newest decided one
	applied checkpoint.Epoch
	decided map[checkpoint.Epoch][]checkpoint.Committable // retained manifests
	written []string                                      // values of decided epochs
	next    int                                           // number of the next value

	sink      connectors.Sink
	committer checkpoint.Committer
	writers   []connectors.SinkWriter
	batch     connectors.Batch
}

// value returns the n-th value of the input.
func value(n int) string { return fmt.Sprintf("value-%04d", n) }

// start opens a process with a new claim.
func (s *sinkSuite) start(tasks int) {
	s.t.Helper()
	s.open(tasks)
	if s.committer != nil {
		require.NoError(s.t, s.committer.Recover(s.ctx, s.decided[s.epoch], s.keep()))
		s.applied = s.epoch
	}
	s.openWriters(tasks)
}

func (s *sinkSuite) open(tasks int) {
	s.t.Helper()
	s.claim++
	s.writers, s.committer = nil, nil
	s.sink = s.h.Open(s.t, connectors.Env{
		Job: "test", JobID: sinkJob, Name: sinkName, Parallelism: tasks, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if o, ok := s.sink.(connectors.CommitterOpener); ok {
		var err error
		s.committer, err = o.OpenCommitter(s.ctx, connectors.CommitterContext{Owner: s.owner()})
		require.NoError(s.t, err)
	}
}

func (s *sinkSuite) openWriters(tasks int) {
	s.t.Helper()
	for task := range tasks {
		w, err := s.sink.OpenWriter(s.ctx, connectors.WriterContext{Task: task, Owner: s.owner()})
		require.NoError(s.t, err)
		s.writers = append(s.writers, w)
	}
}

func (s *sinkSuite) owner() checkpoint.Owner {
	return checkpoint.Owner{Number: s.claim, Nonce: fmt.Sprintf("%08x", s.claim*0x9e3779b9&0xffffffff)}
}

func (s *sinkSuite) keep() checkpoint.Retained {
	keep := checkpoint.Retained{Claim: s.claim, Applied: s.applied}
	for _, e := range slices.Sorted(maps.Keys(s.decided)) {
		keep.Named = append(keep.Named, clone(s.decided[e])...)
	}
	return keep
}

// clone copies committables as a log would: nothing but values crosses over.
func clone(cs []checkpoint.Committable) []checkpoint.Committable {
	out := slices.Clone(cs)
	for i := range out {
		out[i].Data = slices.Clone(out[i].Data)
	}
	return out
}

// write writes the next values, spread over the tasks, and then scribbles over the batch (C2).
func (s *sinkSuite) write(values int) {
	s.t.Helper()
	for range values {
		s.writeTo(s.next%len(s.writers), value(s.next))
		s.next++
	}
}

func (s *sinkSuite) writeTo(task int, v string) {
	s.t.Helper()
	b := &s.batch
	b.Reset()
	r := b.Append()
	r.Key, r.Value = b.Copy([]byte("key")), b.Copy([]byte(v))
	r.Split = b.SplitIndex("split")
	require.NoError(s.t, s.writers[task].Write(s.ctx, b))
	scribble(b)
}

func scribble(b *connectors.Batch) {
	for i := range b.Records {
		for _, p := range [][]byte{b.Records[i].Key, b.Records[i].Value} {
			for k := range p {
				p[k] = '#'
			}
		}
	}
}

// prepare flushes and prepares the writers of some tasks for the next epoch.
func (s *sinkSuite) prepare(tasks ...int) []checkpoint.Committable {
	s.t.Helper()
	var all []checkpoint.Committable
	for _, task := range tasks {
		w := s.writers[task]
		require.NoError(s.t, w.Flush(s.ctx))
		if p, ok := w.(checkpoint.Preparer); ok {
			cs, err := p.Prepare(s.ctx, s.epoch+1)
			require.NoError(s.t, err)
			all = append(all, clone(cs)...)
		}
	}
	return all
}

func (s *sinkSuite) tasks() []int {
	tasks := make([]int, len(s.writers))
	for i := range tasks {
		tasks[i] = i
	}
	return tasks
}

// decide takes prepared output and the position of the input into the log, in one step.
func (s *sinkSuite) decide(cs []checkpoint.Committable) {
	s.epoch++
	s.decided[s.epoch] = cs
	delete(s.decided, s.epoch-2) // two manifests are retained
	for n := len(s.written); n < s.next; n++ {
		s.written = append(s.written, value(n))
	}
}

func (s *sinkSuite) commit(e checkpoint.Epoch) {
	s.t.Helper()
	if s.committer != nil {
		require.NoError(s.t, s.committer.Commit(s.ctx, clone(s.decided[e])))
	}
	s.applied = max(s.applied, e)
}

// epochOf writes, prepares, decides and commits.
func (s *sinkSuite) epochOf(values int) {
	s.t.Helper()
	s.write(values)
	s.decide(s.prepare(s.tasks()...))
	s.commit(s.epoch)
}

// close ends a process in order.
func (s *sinkSuite) close() {
	s.t.Helper()
	for _, w := range s.writers {
		require.NoError(s.t, w.Close())
	}
	if s.committer != nil {
		require.NoError(s.t, s.committer.Close())
	}
	require.NoError(s.t, s.sink.Close())
}

// restart lets the process die, which closes nothing, and the source go back to the last decided
// position.
func (s *sinkSuite) restart(tasks int) {
	s.t.Helper()
	s.next = len(s.written)
	s.start(tasks)
}

// reads holds what a reader sees.
func (s *sinkSuite) reads(want []string, when string) {
	s.t.Helper()
	got := slices.Sorted(slices.Values(s.h.Read(s.t)))
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		require.Equal(s.t, want, got, when)
	}
}

func (s *sinkSuite) noStrays(when string) {
	s.t.Helper()
	if s.h.Strays != nil {
		require.Empty(s.t, s.h.Strays(s.t), when)
	}
}

func (s *sinkSuite) readOnce() {
	s.start(s.h.TasksMin + 2)
	for range 3 {
		s.epochOf(epochValues)
	}
	s.close()
	s.reads(s.written, "after three epochs")
	s.noStrays("after an orderly end")
}

func (s *sinkSuite) borrowedBytes() {
	s.start(s.h.TasksMin)
	var b connectors.Batch
	for range 3 { // the same memory again and again
		b.Reset()
		for range epochValues {
			b.Append().Value = b.Copy([]byte(value(s.next)))
			s.next++
		}
		require.NoError(s.t, s.writers[0].Write(s.ctx, &b))
		scribble(&b)
	}
	s.decide(s.prepare(s.tasks()...))
	s.commit(s.epoch)
	s.close()
	s.reads(s.written, "after the batch was written over")
}

func (s *sinkSuite) closeTwice() {
	s.start(s.h.TasksMin)
	s.epochOf(epochValues)
	for range 2 {
		for _, w := range s.writers {
			require.NoError(s.t, w.Close())
		}
	}
	s.close()
	s.reads(s.written, "after closing")
}

func (s *sinkSuite) nothing() {
	s.start(s.h.TasksMin + 1)
	s.epochOf(0)
	s.epochOf(0)
	s.close()
	s.reads(nil, "after empty epochs")
	s.noStrays("after empty epochs")
}

func (s *sinkSuite) concurrent() {
	s.start(s.h.TasksMin + 3)
	for range 4 {
		s.write(epochValues)
		s.decide(s.prepare(s.tasks()...))
		// The next epoch's records are written while this one is committed.
		var wg sync.WaitGroup
		errs := make([]error, len(s.writers))
		for task, w := range s.writers {
			var b connectors.Batch
			for n := s.next + task; n < s.next+epochValues; n += len(s.writers) {
				b.Append().Value = []byte(value(n))
			}
			// Ends with its Write.
			wg.Go(func() { errs[task] = w.Write(s.ctx, &b) })
		}
		s.next += epochValues
		s.commit(s.epoch)
		wg.Wait()
		for _, err := range errs {
			require.NoError(s.t, err)
		}
	}
	s.decide(s.prepare(s.tasks()...))
	s.commit(s.epoch)
	s.close()
	s.reads(s.written, "after concurrent commits")
}
