package generator_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/generator"
)

var limits = connectors.Limits{Records: 4096, Bytes: 1 << 20, LingerMillis: 5}

func env() connectors.Env {
	return connectors.Env{
		Job: "job", Name: "numbers", Parallelism: 1, Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Registerer: prometheus.NewRegistry(),
	}
}

func open(t testing.TB, c generator.Config) *generator.Source {
	t.Helper()
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List)
	s, err := c.Open(t.Context(), env())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s.(*generator.Source)
}

func reader(
	t testing.TB, s *generator.Source, l connectors.Limits, splits []checkpoint.Split,
) connectors.SourceReader {
	t.Helper()
	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: l})
	require.NoError(t, err)
	require.NoError(t, r.AddSplits(t.Context(), splits))
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func enumerate(t testing.TB, s *generator.Source) []checkpoint.Split {
	t.Helper()
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	require.True(t, e.Done)
	return e.Found
}

// drain polls until the end of the input, or n polls, and returns the values.
func drain(t testing.TB, r connectors.SourceReader, polls int) []string {
	t.Helper()
	var out []string
	var b connectors.Batch
	for range polls {
		b.Reset()
		err := r.Poll(t.Context(), &b)
		if err != nil {
			require.ErrorIs(t, err, connectors.ErrEndOfInput)
			require.Zero(t, b.Len())
			return out
		}
		for i := range b.Records {
			out = append(out, string(b.Records[i].Value))
		}
	}
	return out
}

// forever is more polls than any bounded test needs.
const forever = 1 << 20

func sequence(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint(i)
	}
	return out
}

func TestOneTaskMakesTheSequenceInOrder(t *testing.T) {
	for _, n := range []int{1, 15, 16, 17, 1000, 1024, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := open(t, generator.Config{Count: int64(n), Template: "{seq}"})
			got := drain(t, reader(t, s, limits, enumerate(t, s)), forever)
			require.Equal(t, sequence(n), got)
		})
	}
}

func TestRecordsCarryTheirPlace(t *testing.T) {
	s := open(t, generator.Config{Count: 40, Template: "{seq}", Key: "k{seq}"})
	r := reader(t, s, limits, enumerate(t, s))
	var b connectors.Batch
	require.NoError(t, r.Poll(t.Context(), &b))
	require.Equal(t, []string{"0", "1", "2"}, b.Splits)
	require.Equal(t, 40, b.Len())
	for i, rec := range b.Records {
		require.Equal(t, uint32(i/16), rec.Split)
		require.Equal(t, connectors.Position{Lo: uint64(i)}, rec.Position)
		require.Equal(t, fmt.Sprintf("k%d", i), string(rec.Key))
		require.Equal(t, connectors.NoTimestamp, rec.Timestamp)
		require.Equal(t, connectors.NoPartition, rec.Partition)
	}
}

func TestKeys(t *testing.T) {
	s := open(t, generator.Config{Count: 1, Template: "v"})
	var b connectors.Batch
	require.NoError(t, reader(t, s, limits, enumerate(t, s)).Poll(t.Context(), &b))
	require.Nil(t, b.Records[0].Key, "no key template is a null key")
	require.Equal(t, "v", string(b.Records[0].Value))
}

func TestLimitsBoundABatch(t *testing.T) {
	for _, c := range []struct {
		name     string
		template string
		limits   connectors.Limits
		want     int
	}{
		{"records", "{seq}", connectors.Limits{Records: 10, Bytes: 1000}, 10},
		{"bytes of a constant", "0123456789", connectors.Limits{Records: 100, Bytes: 95}, 10},
		{"bytes of rendered values", "01234567{int 10 99}", connectors.Limits{Records: 100,
			Bytes: 90}, 9},
		{"one record may exceed it alone", "0123456789", connectors.Limits{Records: 100, Bytes: 1}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, generator.Config{Template: c.template})
			var b connectors.Batch
			require.NoError(t, reader(t, s, c.limits, enumerate(t, s)).Poll(t.Context(), &b))
			require.Equal(t, c.want, b.Len())
		})
	}
}

func TestUnboundedGoesOn(t *testing.T) {
	s := open(t, generator.Config{Template: "{seq}"})
	got := drain(t, reader(t, s, limits, enumerate(t, s)), 10)
	require.Equal(t, sequence(40960), got)
}

// assign deals splits out the way a job with so many tasks does.
func assign(
	t testing.TB, s *generator.Source, splits []checkpoint.Split, tasks int,
) [][]checkpoint.Split {
	t.Helper()
	out := make([][]checkpoint.Split, tasks)
	for _, sp := range splits {
		i, ok := s.AssignTask(sp.ID, tasks)
		require.True(t, ok)
		out[i] = append(out[i], sp)
	}
	return out
}

var update = flag.Bool("update", false, "write docs/flink-generator.md")

// TestUpstream runs Flink's test of its sequence.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-generator.md", Package: "connectors/generator",
		Title: "Flink's sequence, test by test",
		Intro: "What becomes of the tests of StatefulSequenceSource in the source `generator`. A test " +
			"that runs is found under its own name below `TestUpstream` in connectors/generator.",
		Files: []connectortest.UpstreamFile{
			{Name: "StatefulSequenceSourceTest", Tests: []connectortest.Upstream{
				{Name: "testCheckpointRestore", Run: upstreamRestore,
					Note: "a state is the next number of each of 64 splits, not a list of all that is left"},
			}},
		},
	}.Run(t, *update)
}

// upstreamRestore makes 0 to 100 with readers that are stopped part-way; their states go to a
// restored run with another number of readers.
func upstreamRestore(t *testing.T) {
	for _, c := range []struct{ before, after int }{{2, 1}, {2, 2}, {1, 3}, {3, 100}, {4, 2}} {
		t.Run(fmt.Sprintf("%d to %d tasks", c.before, c.after), func(t *testing.T) {
			testCheckpointRestore(t, c.before, c.after)
		})
	}
}

func testCheckpointRestore(t *testing.T, before, after int) {
	config := generator.Config{Count: 101, Template: "{seq}"}
	small := connectors.Limits{Records: 7, Bytes: 1 << 20}
	s := open(t, config)
	var got []string
	var state []checkpoint.Split
	for i, splits := range assign(t, s, enumerate(t, s), before) {
		r := reader(t, s, small, splits)
		got = append(got, drain(t, r, 1+i)...)
		snap, err := r.Snapshot(t.Context(), 1)
		require.NoError(t, err)
		state = append(state, snap...)
		// What is read after the snapshot is lost with the task, and comes again.
		drain(t, r, 1)
	}
	require.NotEmpty(t, state)
	require.Less(t, len(got), 101)

	restored := open(t, config)
	for _, splits := range assign(t, restored, state, after) {
		got = append(got, drain(t, reader(t, restored, small, splits), forever)...)
	}
	want := sequence(101)
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got)
}

func TestReplayMakesTheSameRecords(t *testing.T) {
	config := generator.Config{
		Count: 500, Seed: 42, Key: "{choice a b c}-{int 0 1000000}",
		Template: `{"id":"{uuid}","n":{seq},"v":{int -5 5},"w":"{choice x y}"}`,
	}
	all := func(config generator.Config, l connectors.Limits) []string {
		s := open(t, config)
		r := reader(t, s, l, enumerate(t, s))
		var b connectors.Batch
		var out []string
		for {
			b.Reset()
			if err := r.Poll(t.Context(), &b); err != nil {
				require.ErrorIs(t, err, connectors.ErrEndOfInput)
				return out
			}
			for i := range b.Records {
				require.True(t, json.Valid(b.Records[i].Value), string(b.Records[i].Value))
				out = append(out, string(b.Records[i].Key)+" "+string(b.Records[i].Value))
			}
		}
	}
	first := all(config, limits)
	require.Len(t, first, 500)
	require.Equal(t, first, all(config, connectors.Limits{Records: 3, Bytes: 100}))
	reseeded := config
	reseeded.Seed = 43
	require.NotEqual(t, first, all(reseeded, limits))

	// Keys and values are drawn from streams of their own.
	other := config
	other.Key = "{uuid}{uuid}"
	for i, line := range all(other, limits) {
		_, value, _ := strings.Cut(line, " ")
		_, want, _ := strings.Cut(first[i], " ")
		require.Equal(t, want, value)
	}
}

// The golden output pins the mapping from (seed, sequence number) to bytes: a change would make
// a replay after an upgrade differ from what was written before it.
func TestGoldenOutput(t *testing.T) {
	s := open(t, generator.Config{
		Count: 4, Seed: 7, Template: "{seq} {uuid} {int -100 100} {choice red green blue}",
	})
	golden := []string{
		"0 cc34850b-459c-445e-9520-f81ca1c8dc17 -79 red",
		"1 fa251284-7bcd-4fd3-be49-a10d149836e1 -100 green",
		"2 92aeca79-4efc-496d-851a-bd46cdd5dbd4 70 green",
		"3 2c0f9a58-ad3f-4199-a416-5a1d5c76ee66 40 green",
	}
	require.Equal(t, golden, drain(t, reader(t, s, limits, enumerate(t, s)), forever))
}

func TestEnumerateFindsEverythingOnce(t *testing.T) {
	s := open(t, generator.Config{Count: 100, Template: "{seq}"})
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)
	require.Len(t, e.Found, 7, "no split without records")
	again, err := s.Enumerate(t.Context(), e.State)
	require.NoError(t, err)
	require.Empty(t, again.Found)
	require.True(t, again.Done)
	require.Equal(t, e.State, again.State)
}

func TestRestoreRefuses(t *testing.T) {
	s := open(t, generator.Config{Count: 100, Template: "{seq}"})
	e, err := s.Enumerate(t.Context(), checkpoint.Position{})
	require.NoError(t, err)

	other := open(t, generator.Config{Count: 200, Template: "{seq}"})
	_, err = other.Enumerate(t.Context(), e.State)
	require.ErrorIs(t, err, generator.ErrCountChanged)
	require.ErrorContains(t, err, "200 now, 100 when the job began")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))

	_, err = s.Enumerate(t.Context(), checkpoint.Position{Version: 9, Data: []byte{1}})
	require.ErrorIs(t, err, checkpoint.ErrNewerFormat)

	r, err := s.OpenReader(t.Context(), connectors.ReaderContext{Limits: limits})
	require.NoError(t, err)
	for name, split := range map[string]checkpoint.Split{
		"unknown split":          {ID: "64", Position: checkpoint.Position{Version: 1, Data: []byte{0}}},
		"another form of a name": {ID: "01", Position: checkpoint.Position{Version: 1, Data: []byte{16}}},
		"no version":             {ID: "0", Position: checkpoint.Position{Data: []byte{0}}},
		"bytes behind": {ID: "0", Position: checkpoint.Position{Version: 1, Data: []byte{0,
			0}}},
		"cut off": {ID: "0", Position: checkpoint.Position{Version: 1,
			Data: []byte{0x80}}},
		"another split's number": {ID: "0", Position: checkpoint.Position{Version: 1, Data: []byte{16}}},
	} {
		t.Run(name, func(t *testing.T) {
			err := r.AddSplits(t.Context(), []checkpoint.Split{split})
			require.ErrorIs(t, err, generator.ErrPosition)
			require.Equal(t, connectors.Fatal, connectors.Classify(err))
			require.ErrorContains(t, err, split.ID)
		})
	}
}

func TestRateIsKept(t *testing.T) {
	for _, tasks := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d tasks", tasks), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRate(t, tasks) })
		})
	}
}

func testRate(t *testing.T, tasks int) {
	s := open(t, generator.Config{Template: "{seq}", Rate: 700})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	type tally struct{ records, polls int }
	tallies := make(chan tally)
	for _, splits := range assign(t, s, enumerate(t, s), tasks) {
		r := reader(t, s, limits, splits)
		go func() {
			var b connectors.Batch
			var sum tally
			for ctx.Err() == nil {
				b.Reset()
				if err := r.Poll(ctx, &b); err != nil {
					break
				}
				sum.records += b.Len()
				sum.polls++
			}
			tallies <- sum
		}()
	}
	var sum tally
	for range tasks {
		x := <-tallies
		sum.records += x.records
		sum.polls += x.polls
	}
	require.InDelta(t, 7000, sum.records, 2)
	require.Less(t, sum.polls, tasks*2*10_000, "it sleeps at least a millisecond between polls")
}

func TestSlowRateKeepsTheLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, generator.Config{Template: "{seq}", Rate: 0.1})
		r := reader(t, s, limits, enumerate(t, s))
		require.Len(t, drain(t, r, 1), 1)
		begin := time.Now()
		require.Empty(t, drain(t, r, 1))
		require.Equal(t, 5*time.Millisecond, time.Since(begin))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var b connectors.Batch
		require.ErrorIs(t, r.Poll(ctx, &b), context.Canceled)
	})
}

func TestNowIsTheTimeOfThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, generator.Config{Count: 1, Template: "at {now}"})
		time.Sleep(time.Hour)
		want := "at " + time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
		got := drain(t, reader(t, s, limits, enumerate(t, s)), forever)
		require.Equal(t, []string{want}, got)
	})
}

func TestSpec(t *testing.T) {
	spec := generator.Spec()
	require.Equal(t, "generator", spec.Name)
	require.Nil(t, spec.NewSink)
	c := spec.NewSource()
	require.Equal(t, connectors.ExactlyOnce, c.Guarantee())
	var p connectors.Problems
	c.Validate(&p)
	require.Empty(t, p.List, "the defaults are valid")
}

func TestPollAllocatesNothing(t *testing.T) {
	for name, template := range benchTemplates {
		t.Run(name, func(t *testing.T) {
			s := open(t, generator.Config{Template: template, Key: "{int 0 99}"})
			r := reader(t, s, limits, enumerate(t, s))
			var b connectors.Batch
			require.Zero(t, testing.AllocsPerRun(20, func() {
				b.Reset()
				if r.Poll(t.Context(), &b) != nil || b.Len() == 0 {
					t.Error("no records")
				}
			}))
		})
	}
}

var benchTemplates = map[string]string{
	"constant": strings.Repeat("0123456789", 10),
	"seq":      "line {seq} " + strings.Repeat("x", 80),
	"mixed":    `{"id":"{uuid}","n":{seq},"at":"{now}","v":{int 0 1000},"c":"{choice ab cd ef}"}`,
}

// One operation is one record.
func BenchmarkPoll(b *testing.B) {
	for name, template := range benchTemplates {
		b.Run(name, func(b *testing.B) {
			s := open(b, generator.Config{Template: template})
			r := reader(b, s, limits, enumerate(b, s))
			var batch connectors.Batch
			b.ReportAllocs()
			for n := 0; n < b.N; n += batch.Len() {
				batch.Reset()
				if err := r.Poll(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
