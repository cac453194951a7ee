package stdin

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// splitID names the only split (P1).
const splitID = "stdin"

// formatVersion is the version of all positions of this source.
const formatVersion = 1

// Source is the opened source. It holds the input until Close.
type Source struct {
	input *input // nil after Close
	now   func() time.Time
}

// Enumerate finds the only split at the first start.
func (s *Source) Enumerate(
	_ context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	if state.IsZero() {
		return connectors.Enumeration{
			Found: []checkpoint.Split{{ID: splitID, Position: encode(0, 0)}},
			State: checkpoint.Position{Version: formatVersion}, Done: true,
		}, nil
	}
	if err := checkVersion(state.Version); err != nil {
		return connectors.Enumeration{}, connectors.Permanent(
			fmt.Errorf("restoring standard input: %w", err))
	}
	return connectors.Enumeration{State: state, Done: true}, nil
}

// OpenReader opens the reader of one task.
func (s *Source) OpenReader(
	_ context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	r := &reader{input: s.input, now: s.now, limits: rc.Limits, timer: time.NewTimer(0)}
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
	active bool
	run    uint64 // when this run began, in milliseconds since 1970, or later (P4)
	count  uint64 // records of this run
}

// AddSplits takes over the only split and begins a new run.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	for _, s := range splits {
		run, _, err := decode(s.Position)
		if err == nil && s.ID != splitID {
			err = ErrPosition
		}
		if err != nil {
			return connectors.Permanent(fmt.Errorf("restoring split %q: %w", s.ID, err))
		}
		// P4: records of a run that was given up are not in any manifest, so the next number
		// would not do; the clock would not either, if it was set back.
		r.run, r.count, r.active = max(run+1, uint64(r.now().UnixMilli())), 0, true
		r.input.run()
	}
	return nil
}

// Poll returns the records at hand; with none it waits for input.
func (r *reader) Poll(ctx context.Context, dst *connectors.Batch) error {
	if !r.active {
		return connectors.ErrEndOfInput
	}
	r.timer.Reset(time.Duration(r.limits.LingerMillis) * time.Millisecond)
	defer r.timer.Stop()
	for {
		if err := r.take(dst); err != nil || dst.Len() > 0 {
			return err
		}
		if r.input.ended() {
			r.active = false
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
	bytesLeft := r.limits.Bytes
	for dst.Len() == 0 || dst.Len() < r.limits.Records && bytesLeft > 0 {
		value, ok, err := r.input.next()
		if err != nil && dst.Len() > 0 {
			return nil // it comes again with the next Poll
		}
		if err != nil {
			return connectors.Permanent(fmt.Errorf("reading standard input: record %d: %w",
				r.count, err))
		}
		if !ok {
			return nil
		}
		rec := dst.Append()
		rec.Value = value
		rec.Split = dst.SplitIndex(splitID)
		rec.Position = connectors.Position{Hi: r.run, Lo: r.count}
		r.count++
		bytesLeft -= len(value)
	}
	return nil
}

// Snapshot returns the split until the input has ended.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	if !r.active {
		return nil, nil
	}
	return []checkpoint.Split{{ID: splitID, Position: encode(r.run, r.count)}}, nil
}

// Close does nothing: the source holds the input.
func (r *reader) Close() error { return nil }

func encode(run, count uint64) checkpoint.Position {
	return checkpoint.Position{
		Version: formatVersion,
		Data:    binary.AppendUvarint(binary.AppendUvarint(nil, run), count),
	}
}

// checkVersion refuses a position whose form this source does not know.
func checkVersion(version uint16) error {
	switch {
	case version > formatVersion:
		return fmt.Errorf("version %d, known is %d: %w",
			version, formatVersion, checkpoint.ErrNewerFormat)
	case version < formatVersion:
		return fmt.Errorf("version %d: %w", version, ErrPosition)
	}
	return nil
}

func decode(p checkpoint.Position) (run, count uint64, err error) {
	if err := checkVersion(p.Version); err != nil {
		return 0, 0, err
	}
	run, n := binary.Uvarint(p.Data)
	if n > 0 {
		var m int
		if count, m = binary.Uvarint(p.Data[n:]); m > 0 && n+m == len(p.Data) {
			return run, count, nil
		}
	}
	return 0, 0, fmt.Errorf("%x: %w", p.Data, ErrPosition)
}

var (
	_ connectors.Source       = (*Source)(nil)
	_ connectors.SourceReader = (*reader)(nil)
)
