package connectortest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// SourceHarness tells how to reach a source under test. Some dozens of records in several splits
// make a good input: the suite reads it from every record boundary.
type SourceHarness struct {
	// Open returns the source as a new process with parallelism tasks sees it. All processes of
	// one test see the same input. The suite closes what it opens.
	Open func(t *testing.T, parallelism int) connectors.Source
	// Values are the values of all records, in any order; nil takes them from the first read.
	Values []string
	// Endless is how many records there are for a source that never says that it ended; 0 is for
	// those that do.
	Endless int
	// Guarantee is what the source promises. Below exactly-once nothing is read twice.
	Guarantee connectors.Guarantee
	// LingerMillis is that of every reader: none for sources that have their input at hand, enough
	// for others to have some with every Poll.
	LingerMillis int
}

const (
	// resumesMax bounds the record boundaries at which a read is cut.
	resumesMax = 100
	// emptyPollsMax is how many polls in a row may bring nothing before an endless source counts
	// as read.
	emptyPollsMax = 50
	// crashRuns is how many lives a job has in the test of crashes.
	crashRuns = 30
)

// RunSource checks a source and its readers against C1 to C6 and the texts of their methods.
func RunSource(t *testing.T, h SourceHarness) {
	tests := []struct {
		name   string
		replay bool // needs a source that can be read again
		run    func(*sourceSuite, *testing.T)
	}{
		{"every record is read once", false, (*sourceSuite).readsAll},
		{"Poll keeps its limits", false, (*sourceSuite).limits},
		{"lent bytes stay until the next Poll", false, (*sourceSuite).lentBytes},
		{"the end is said again", false, (*sourceSuite).end},
		{"a reader without splits has ended", false, (*sourceSuite).noSplits},
		{"Close may be called again", false, (*sourceSuite).closeTwice},
		{"records have the same names in every read", true, (*sourceSuite).stableNames},
		{"Snapshot changes nothing", true, (*sourceSuite).snapshotTwice},
		{"a read goes on at every record boundary", true, (*sourceSuite).resumeEverywhere},
		{"a read goes on with another number of tasks", true, (*sourceSuite).rescale},
		{"a job crashes at random moments", true, (*sourceSuite).crashes},
		{"nothing is found twice", true, (*sourceSuite).enumerateAgain},
		{"a newer position is refused", true, (*sourceSuite).newerPosition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.replay && h.Guarantee != connectors.ExactlyOnce {
				return // what was handed out once is gone
			}
			tt.run(&sourceSuite{h: h}, t)
		})
	}
}

// sourceSuite is one test of a source.
type sourceSuite struct{ h SourceHarness }

// sourceRecord is a record as the suite keeps it.
type sourceRecord struct {
	split    string
	position connectors.Position
	ordinal  uint64
	content  string // everything else
	value    string
}

func (r sourceRecord) name() string {
	return fmt.Sprintf("%s@%d.%d/%d", r.split, r.position.Hi, r.position.Lo, r.ordinal)
}

// job is a source with its readers and the state of its enumerator.
type job struct {
	t       *testing.T
	h       SourceHarness
	source  connectors.Source
	readers []connectors.SourceReader
	state   checkpoint.Position
	done    bool
	dealt   int
}

// start opens a job at a manifest.
func (s *sourceSuite) start(
	t *testing.T, tasks int, limits connectors.Limits, state checkpoint.Position,
	splits []checkpoint.Split,
) *job {
	t.Helper()
	limits.LingerMillis = s.h.LingerMillis
	j := &job{t: t, h: s.h, source: s.h.Open(t, tasks), state: state}
	for i := range tasks {
		r, err := j.source.OpenReader(t.Context(), connectors.ReaderContext{Task: i, Limits: limits})
		require.NoError(t, err)
		j.readers = append(j.readers, r)
	}
	j.deal(splits)
	return j
}

// wide are limits that no test input reaches.
func wide() connectors.Limits { return connectors.Limits{Records: 4096, Bytes: 1 << 20} }

// deal hands splits to readers, as the source asks for or in turn.
func (j *job) deal(splits []checkpoint.Split) {
	j.t.Helper()
	assigner, _ := j.source.(connectors.Assigner)
	for _, split := range splits {
		task := j.dealt % len(j.readers)
		j.dealt++
		if assigner != nil {
			if t, ok := assigner.AssignTask(split.ID, len(j.readers)); ok {
				require.GreaterOrEqual(j.t, t, 0)
				require.Less(j.t, t, len(j.readers))
				task = t
			}
		}
		require.NoError(j.t, j.readers[task].AddSplits(j.t.Context(), []checkpoint.Split{split}))
	}
}

// discover asks the enumerator once.
func (j *job) discover() []checkpoint.Split {
	j.t.Helper()
	if j.done {
		return nil
	}
	e, err := j.source.Enumerate(j.t.Context(), j.state)
	require.NoError(j.t, err)
	j.state, j.done = e.State, e.Done
	j.deal(e.Found)
	return e.Found
}

// poll polls reader i once and checks what every Poll must keep. ended is false for a batch.
func (j *job) poll(i int, b *connectors.Batch) (out []sourceRecord, ended bool) {
	j.t.Helper()
	b.Reset()
	err := j.readers[i].Poll(j.t.Context(), b)
	if errors.Is(err, connectors.ErrEndOfInput) {
		require.Zero(j.t, b.Len(), "the end comes with an empty batch")
		return nil, true
	}
	require.NoError(j.t, err)
	require.True(j.t, len(b.Carriers) == 0 || len(b.Carriers) == b.Len(), "carriers for all or none")
	for k := range b.Records {
		r := &b.Records[k]
		require.Less(j.t, int(r.Split), len(b.Splits), "record %d names a split of its batch", k)
		require.Zero(j.t, r.Ordinal, "ordinals are 0 at the source")
		out = append(out, sourceRecord{
			split: b.Splits[r.Split], position: r.Position, ordinal: r.Ordinal,
			content: describe(r), value: string(r.Value),
		})
	}
	return out, false
}

// describe writes all of a record that a replay must repeat.
func describe(r *connectors.Record) string {
	text := func(b []byte) string {
		if b == nil {
			return "null"
		}
		return fmt.Sprintf("%q", b)
	}
	out := text(r.Key) + "=" + text(r.Value)
	for _, h := range r.Headers {
		out += fmt.Sprintf(" %q:%s", h.Key, text(h.Value))
	}
	return out
}

// drain discovers and polls in turn until everything is read.
func (j *job) drain() (out []sourceRecord) {
	j.t.Helper()
	b := new(connectors.Batch)
	for empty := 0; empty < emptyPollsMax; empty++ {
		j.discover()
		ended := 0
		for i := range j.readers {
			got, end := j.poll(i, b)
			out = append(out, got...)
			if len(got) > 0 {
				empty = 0
			}
			if end {
				ended++
			}
		}
		if j.done && ended == len(j.readers) {
			break
		}
	}
	if j.h.Endless == 0 {
		require.True(j.t, j.done, "a source that ends says so")
	}
	return out
}

// snapshot returns the manifest's part of the job.
func (j *job) snapshot(epoch checkpoint.Epoch) (out []checkpoint.Split) {
	j.t.Helper()
	for _, r := range j.readers {
		splits, err := r.Snapshot(j.t.Context(), epoch)
		require.NoError(j.t, err)
		for _, s := range splits {
			// A manifest holds its own copy.
			s.Position.Data = bytes.Clone(s.Position.Data)
			out = append(out, s)
		}
	}
	ids := map[string]bool{}
	for _, s := range out {
		require.False(j.t, ids[s.ID], "split %s stands twice in a snapshot", s.ID)
		ids[s.ID] = true
	}
	return out
}

// stop ends the job; what it held in memory is gone.
func (j *job) stop() {
	j.t.Helper()
	for _, r := range j.readers {
		require.NoError(j.t, r.Close())
	}
	require.NoError(j.t, j.source.Close())
}

// all reads the whole input in one go.
func (s *sourceSuite) all(t *testing.T, tasks int) []sourceRecord {
	t.Helper()
	j := s.start(t, tasks, wide(), checkpoint.Position{}, nil)
	defer j.stop()
	out := j.drain()
	require.NotEmpty(t, out, "the suite needs records")
	if s.h.Endless > 0 {
		require.Len(t, out, s.h.Endless)
	}
	return out
}

// same checks that got holds exactly the records of want, each once.
func same(t *testing.T, want, got []sourceRecord, what string, args ...any) {
	t.Helper()
	require.Equal(t, sorted(want), sorted(got), fmt.Sprintf(what, args...))
}

func sorted(rs []sourceRecord) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = r.name() + " " + r.content
	}
	slices.Sort(out)
	return out
}
