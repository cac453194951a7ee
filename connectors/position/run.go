package position

import (
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// Run is how far a reader is in a stream that cannot be read again. Its position is two numbers:
// that of the run, and how many records of it were read. Make it with NewRun.
type Run struct {
	single Single
	active bool   // holds the split
	number uint64 // when the run began, in milliseconds since 1970, or later
	count  uint64 // records of the run
}

// NewRun returns a run without the split. The format of single has a Count of 2.
func NewRun(single Single) Run { return Run{single: single} }

// AddSplits takes over the only split and begins a new run (N2).
func (r *Run) AddSplits(splits []checkpoint.Split, now time.Time) error {
	for _, split := range splits {
		numbers, err := r.single.Restore(split)
		if err != nil {
			return err
		}
		// Records of a run that was given up are in no manifest, so the next number would not
		// do; the clock would not either, if it was set back.
		r.number = max(numbers[0]+1, uint64(now.UnixMilli()))
		r.count, r.active = 0, true
	}
	return nil
}

// Active reports whether the reader holds the split and the stream has not ended.
func (r *Run) Active() bool { return r.active }

// End gives the split up, because the stream has ended or is closed.
func (r *Run) End() { r.active = false }

// Count returns how many records of this run were read.
func (r *Run) Count() uint64 { return r.count }

// Fill appends records to dst until next has none or the limits are reached. Their bytes are those
// that next returns. An error of next behind a record is left to the next Fill, for which next
// returns it again.
func (r *Run) Fill(dst *connectors.Batch, limits connectors.Limits,
	next func() (value []byte, ok bool, err error),
) error {
	bytesLeft := limits.Bytes
	for dst.Len() == 0 || dst.Len() < limits.Records && bytesLeft > 0 {
		value, ok, err := next()
		if err != nil && dst.Len() > 0 {
			return nil
		}
		if err != nil || !ok {
			return err
		}
		rec := dst.Append()
		rec.Value = value
		rec.Split = dst.SplitIndex(r.single.ID)
		rec.Position = connectors.Position{Hi: r.number, Lo: r.count}
		r.count++
		bytesLeft -= len(value)
	}
	return nil
}

// Snapshot returns the split until the stream has ended.
func (r *Run) Snapshot() []checkpoint.Split {
	if !r.active {
		return nil
	}
	return []checkpoint.Split{r.single.Split(r.number, r.count)}
}
