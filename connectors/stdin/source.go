package stdin

import (
	"context"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// place is the durable form of positions: a run and its records (P1, P4).
func place() position.Single {
	return position.Single{
		Format: position.Format{Version: 1, Count: 2, Invalid: ErrPosition},
		Source: "standard input", ID: "stdin",
	}
}

// Source is the opened source. It holds the input until Close.
type Source struct {
	input *input // nil after Close
	now   func() time.Time
}

// Enumerate finds the only split at the first start.
func (s *Source) Enumerate(
	_ context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	return place().Enumerate(state)
}

// OpenReader opens the reader of one task.
func (s *Source) OpenReader(
	_ context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	r := &reader{
		input: s.input, now: s.now, limits: rc.Limits, timer: time.NewTimer(0),
		run: position.NewRun(place()),
	}
	r.timer.Stop()
	return r, nil
}

// Close lets go of the input.
func (s *Source) Close() error {
	if s.input != nil {
		s.input.release()
		s.input = nil
	}
	return nil
}

// reader reads the input while it holds the split.
type reader struct {
	input  *input
	now    func() time.Time
	limits connectors.Limits
	timer  *time.Timer
	run    position.Run // P4
}

// AddSplits takes over the only split and begins a new run.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	err := r.run.AddSplits(splits, r.now())
	if r.run.Active() {
		r.input.run()
	}
	return err
}

// Poll returns the records at hand; with none it waits for input.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	if !r.run.Active() {
		return connectors.ErrEndOfInput
	}
	r.timer.Reset(time.Duration(r.limits.LingerMillis) * time.Millisecond)
	defer r.timer.Stop()
	for {
		if err := r.take(dst); err != nil || dst.Len() > 0 {
			return err
		}
		if r.input.ended() {
			r.run.End()
			return connectors.ErrEndOfInput
		}
		more, err := r.input.wait(ctx, r.timer.C)
		if err != nil || !more {
			return err
		}
	}
}

// take appends the records that are complete, up to the limits. Their bytes are lent.
func (r *reader) take(dst *connectors.Batch) error {
	if err := r.run.Fill(dst, r.limits, r.input.next); err != nil {
		return connectors.Permanent(fmt.Errorf("reading standard input: record %d: %w",
			r.run.Count(), err))
	}
	return nil
}

// Snapshot returns the split until the input has ended.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	return r.run.Snapshot(), nil
}

// Close does nothing: the source holds the input.
func (r *reader) Close() error { return nil }

var (
	_ connectors.Source       = (*Source)(nil)
	_ connectors.SourceReader = (*reader)(nil)
)
