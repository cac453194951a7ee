package task

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// steadyRecords is how many records a steadyReader lends in a batch.
const steadyRecords = 64

// steadyReader lends the same records for ever.
type steadyReader struct{ value []byte }

func (r *steadyReader) AddSplits(context.Context, []checkpoint.Split) error { return nil }

func (r *steadyReader) Poll(_ context.Context, dst *connectors.Batch) error {
	split := dst.SplitIndex("s")
	for range steadyRecords {
		rec := dst.Append()
		rec.Value, rec.Split = r.value, split
	}
	return nil
}

func (r *steadyReader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	return nil, nil
}

func (r *steadyReader) Close() error { return nil }

// steadyFunction hands records on, every second one to output 1, and copies their values as a
// guest's adapter does.
type steadyFunction struct{}

func (steadyFunction) apply(in, out *connectors.Batch) error {
	split := out.SplitIndex("s")
	for i := range in.Records {
		rec := out.Append()
		*rec = in.Records[i]
		rec.Value, rec.Split, rec.Output = out.Copy(in.Records[i].Value), split, uint16(i%2)
	}
	return nil
}

func (f steadyFunction) Transform(
	_ context.Context, in, out *connectors.Batch, _ *connectors.Faults,
) error {
	return f.apply(in, out)
}

func (f steadyFunction) Deserialize(
	_ context.Context, in, out *connectors.Batch, _ *connectors.Faults,
) error {
	return f.apply(in, out)
}

func (f steadyFunction) Serialize(
	_ context.Context, in, out *connectors.Batch, _ *connectors.Faults,
) error {
	return f.apply(in, out)
}

func (steadyFunction) Close() error { return nil }

// countingSink counts records and turns.
type countingSink struct{ records, turns int }

func (w *countingSink) Write(_ context.Context, b *connectors.Batch) error {
	w.records += b.Len()
	return nil
}

func (w *countingSink) Flush(context.Context) error { return nil }

func (w *countingSink) OnTime(context.Context, time.Time) error { w.turns++; return nil }

func (w *countingSink) Close() error { return nil }

// steadyLimiter never makes the task wait.
type steadyLimiter struct{}

func (steadyLimiter) Take(time.Time, int, int) time.Duration { return 0 }

// TestNothingIsAllocatedPerBatch holds that the loop of a task, through every kind of stage, works
// in what it has once batches have grown.
func TestNothingIsAllocatedPerBatch(t *testing.T) {
	p, w, second := Policy{}, &countingSink{}, &countingSink{}
	out := NewSinkStage("out", steadyFunction{}, p, &Counters{})
	out.SetWriter(w)
	named := NewSinkStage("named", nil, p, &Counters{})
	named.SetWriter(second)
	upper := NewTransformStage("upper", steadyFunction{}, p,
		[]Edge{{Output: 0, To: out}, {Output: 1, To: named}}, 1, &Counters{})
	now := time.UnixMilli(0)
	task := New(Config{
		Sources: []Source{{
			Name: "in", Reader: &steadyReader{value: make([]byte, 100)}, Deserializer: steadyFunction{},
			Policy: p, Limiter: steadyLimiter{}, Edges: []Edge{{To: upper}}, Counters: &Counters{},
		}},
		Stages: []Stage{upper, out, named}, Sinks: []*SinkStage{out, named},
		Now:      func() time.Time { now = now.Add(time.Second); return now },
		Commands: make(chan Command, 1), Report: func(Report) {},
	})
	task.sources[0].ended = false
	ctx := t.Context()
	turn := func() error {
		_, err := task.obey(ctx)
		_, _, stepErr := task.step(ctx)
		return errors.Join(err, stepErr, task.tick(ctx))
	}
	const warm, runs = 10, 200
	for range warm {
		require.NoError(t, turn())
	}
	var err error
	allocs := testing.AllocsPerRun(runs, func() { err = errors.Join(err, turn()) })
	require.NoError(t, err)
	require.Zero(t, allocs, "allocations for a batch of %d records", steadyRecords)
	// AllocsPerRun runs the function once more than it counts.
	require.Equal(t, (warm+runs+1)*steadyRecords, w.records+second.records)
	require.Equal(t, w.records, second.records)
	require.GreaterOrEqual(t, w.turns, runs)
}
