package connectortest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

func (s *sourceSuite) readsAll(t *testing.T) {
	all := s.all(t, 1)
	if s.h.Values != nil {
		var got []string
		for _, r := range all {
			got = append(got, r.value)
		}
		require.ElementsMatch(t, s.h.Values, got)
	}
	names := map[string]bool{}
	last := map[string]connectors.Position{}
	for _, r := range all {
		require.False(t, names[r.name()], "two records are named %s", r.name())
		names[r.name()] = true
		before, ok := last[r.split]
		require.True(t, !ok || before.Hi < r.position.Hi ||
			before.Hi == r.position.Hi && before.Lo < r.position.Lo,
			"positions rise within a split: %v then %v", before, r.position)
		last[r.split] = r.position
	}
}

func (s *sourceSuite) limits(t *testing.T) {
	b := new(connectors.Batch)
	for _, l := range []connectors.Limits{
		{Records: 1, Bytes: 1 << 20}, {Records: 3, Bytes: 1 << 20}, {Records: 4096, Bytes: 1},
		{Records: 4096, Bytes: 20},
	} {
		j := s.start(t, 1, l, checkpoint.Position{}, nil)
		for empty := 0; empty < emptyPollsMax; empty++ {
			j.discover()
			_, ended := j.poll(0, b)
			if ended && j.done {
				break
			}
			if b.Len() > 0 {
				empty = 0
			}
			require.LessOrEqual(t, b.Len(), l.Records)
			size := 0
			for i := range b.Records {
				require.True(t, i == 0 || size < l.Bytes, "record %d begins after %d bytes of %d", i, size,
					l.Bytes)
				size += len(b.Records[i].Key) + len(b.Records[i].Value)
			}
		}
		j.stop()
	}
}

func (s *sourceSuite) lentBytes(t *testing.T) {
	j := s.start(t, 1, connectors.Limits{Records: 3, Bytes: 1 << 20}, checkpoint.Position{}, nil)
	defer j.stop()
	b := new(connectors.Batch)
	for empty := 0; empty < emptyPollsMax; empty++ {
		j.discover()
		before, ended := j.poll(0, b)
		if ended && j.done {
			break
		}
		if len(before) > 0 {
			empty = 0
		}
		// Everything that may happen between two polls.
		j.snapshot(1)
		if l, ok := j.readers[0].(connectors.CommitListener); ok {
			require.NoError(t, l.OnCommitted(t.Context(), 1))
		}
		require.NoError(t, j.readers[0].AddSplits(t.Context(), nil))
		for i := range b.Records {
			require.Equal(t, before[i].content, describe(&b.Records[i]), "record %d changed", i)
			require.Equal(t, before[i].split, b.Splits[b.Records[i].Split])
		}
	}
}

func (s *sourceSuite) end(t *testing.T) {
	j := s.start(t, 1, wide(), checkpoint.Position{}, nil)
	defer j.stop()
	j.drain()
	if s.h.Endless > 0 {
		return
	}
	b := new(connectors.Batch)
	for range 3 {
		_, ended := j.poll(0, b)
		require.True(t, ended)
	}
	require.Empty(t, j.snapshot(1), "finished splits are left out")
}

func (s *sourceSuite) noSplits(t *testing.T) {
	j := s.start(t, 2, wide(), checkpoint.Position{}, nil)
	defer j.stop()
	_, ended := j.poll(1, new(connectors.Batch))
	require.True(t, ended)
	require.Empty(t, j.snapshot(1))
}

func (s *sourceSuite) closeTwice(t *testing.T) {
	j := s.start(t, 1, connectors.Limits{Records: 1, Bytes: 1}, checkpoint.Position{}, nil)
	j.discover()
	j.poll(0, new(connectors.Batch))
	require.NoError(t, j.readers[0].Close())
	j.stop()
}

func (s *sourceSuite) stableNames(t *testing.T) {
	same(t, s.all(t, 1), s.all(t, 3), "one task, then three")
}

func (s *sourceSuite) snapshotTwice(t *testing.T) {
	all := s.all(t, 1)
	j := s.start(t, 1, connectors.Limits{Records: 1, Bytes: 1 << 20}, checkpoint.Position{}, nil)
	defer j.stop()
	var got []sourceRecord
	b := new(connectors.Batch)
	for empty := 0; empty < emptyPollsMax && len(got) < len(all); empty++ {
		j.discover()
		require.Equal(t, j.snapshot(1), j.snapshot(2))
		r, _ := j.poll(0, b)
		if len(r) > 0 {
			empty = 0
		}
		got = append(got, r...)
	}
	same(t, all, got, "a snapshot before every record")
}

func (s *sourceSuite) resumeEverywhere(t *testing.T) {
	all := s.all(t, 1)
	step := 1 + len(all)/resumesMax
	for n := 0; n <= len(all); n += step {
		j := s.start(t, 1, connectors.Limits{Records: 1, Bytes: 1 << 20}, checkpoint.Position{}, nil)
		j.discover()
		got := j.read(n)
		state, splits := j.state, j.snapshot(1)
		j.read(2) // read on without deciding it: the next life must read it again
		j.stop()

		j = s.start(t, 1, wide(), state, splits)
		got = append(got, j.drain()...)
		j.stop()
		same(t, all, got, "cut after %d records", n)
	}
}

// read polls readers in turn until n records are read or there are no more.
func (j *job) read(n int) (out []sourceRecord) {
	j.t.Helper()
	b := new(connectors.Batch)
	for empty := 0; empty < emptyPollsMax && len(out) < n; empty++ {
		for i := range j.readers {
			if len(out) == n {
				break
			}
			got, _ := j.poll(i, b)
			if len(got) > 0 {
				empty = 0
			}
			out = append(out, got...)
		}
	}
	return out
}

func (s *sourceSuite) rescale(t *testing.T) {
	all := s.all(t, 1)
	for _, tasks := range [][2]int{{1, 3}, {3, 1}, {2, 3}, {3, 2}} {
		j := s.start(t, tasks[0], connectors.Limits{Records: 2, Bytes: 1 << 20}, checkpoint.Position{},
			nil)
		j.discover()
		got := j.read(len(all) / 2)
		state, splits := j.state, j.snapshot(1)
		j.stop()
		slices.Reverse(splits)
		j = s.start(t, tasks[1], wide(), state, splits)
		got = append(got, j.drain()...)
		j.stop()
		same(t, all, got, "%d tasks, then %d", tasks[0], tasks[1])
	}
}

// crashes gives a job many short lives. What was read since the last decided epoch does not count.
func (s *sourceSuite) crashes(t *testing.T) {
	all := s.all(t, 1)
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var decided, undecided []sourceRecord
		var state checkpoint.Position
		var splits []checkpoint.Split
		decide := func(j *job, epoch int) {
			splits, state = j.snapshot(checkpoint.Epoch(epoch)), j.state
			decided = append(decided, undecided...)
			undecided = nil
		}
		b := new(connectors.Batch)
		for run := range crashRuns {
			tasks := 1 + rng.IntN(3)
			j := s.start(t, tasks, connectors.Limits{Records: 1 + rng.IntN(4), Bytes: 1 << 20}, state,
				splits)
			undecided = nil
			if run == crashRuns-1 {
				undecided = j.drain()
				decide(j, run)
			}
			for range rng.IntN(10) {
				switch rng.IntN(4) {
				case 0:
					j.discover()
				case 1:
					decide(j, run)
				default:
					got, _ := j.poll(rng.IntN(tasks), b)
					undecided = append(undecided, got...)
				}
			}
			j.stop()
		}
		same(t, all, decided, "seed %d", seed)
	}
}

func (s *sourceSuite) enumerateAgain(t *testing.T) {
	j := s.start(t, 1, wide(), checkpoint.Position{}, nil)
	defer j.stop()
	j.drain()
	for range 2 {
		e, err := j.source.Enumerate(t.Context(), j.state)
		require.NoError(t, err)
		require.Empty(t, e.Found)
		require.Equal(t, j.done, e.Done)
		j.state = e.State
	}
}

func (s *sourceSuite) newerPosition(t *testing.T) {
	j := s.start(t, 1, wide(), checkpoint.Position{}, nil)
	defer j.stop()
	e, err := j.source.Enumerate(t.Context(), j.state)
	require.NoError(t, err)
	newer := func(p checkpoint.Position) checkpoint.Position {
		p.Version += 1000
		return p
	}
	if !e.State.IsZero() {
		_, err := j.source.Enumerate(t.Context(), newer(e.State))
		require.ErrorIs(t, err, checkpoint.ErrNewerFormat)
	}
	require.NotEmpty(t, e.Found)
	split := e.Found[0]
	split.Position = newer(split.Position)
	err = j.readers[0].AddSplits(t.Context(), []checkpoint.Split{split})
	if err == nil {
		err = j.readers[0].Poll(t.Context(), new(connectors.Batch))
	}
	require.True(t, errors.Is(err, checkpoint.ErrNewerFormat), "%v", err)
}
