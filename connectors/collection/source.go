package collection

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// splitID names the only split (L1).
const splitID = "records"

// place is the durable form of positions: the index of the next record.
func place() position.Single {
	return position.Single{
		Format: position.Format{Version: 1, Count: 1, Invalid: ErrPosition},
		Source: "the collection", ID: splitID,
	}
}

// Source is the opened source.
type Source struct{ records []Record }

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
	return &reader{records: s.records, next: len(s.records), limits: rc.Limits}, nil
}

// Close does nothing: there is nothing to release.
func (s *Source) Close() error { return nil }

// reader reads the list from next on. Without the split, next is the end.
type reader struct {
	records []Record
	next    int
	limits  connectors.Limits
}

// AddSplits takes over the only split.
func (r *reader) AddSplits(_ context.Context, splits []checkpoint.Split) error {
	for _, s := range splits {
		at, err := place().Restore(s)
		if err != nil {
			return err
		}
		if at[0] > uint64(len(r.records)) {
			return connectors.Permanent(fmt.Errorf(
				"restoring the collection: %d records were read, the job file has %d: %w",
				at[0], len(r.records), ErrPosition))
		}
		r.next = int(at[0])
	}
	return nil
}

// Poll lends the next records (L2).
func (r *reader) Poll(_ context.Context, dst *connectors.Batch) error {
	if r.next == len(r.records) {
		return connectors.ErrEndOfInput
	}
	split := dst.SplitIndex(splitID)
	bytesLeft := r.limits.Bytes
	for r.next < len(r.records) {
		from := &r.records[r.next]
		rec := dst.Append()
		rec.Key, rec.Value, rec.Headers = from.key, from.value, from.headers
		rec.Timestamp = from.timestamp
		rec.Split, rec.Position.Lo = split, uint64(r.next)
		r.next++
		bytesLeft -= len(from.key) + len(from.value)
		if bytesLeft <= 0 || dst.Len() >= r.limits.Records {
			break
		}
	}
	return nil
}

// Snapshot returns the split unless it is at its end.
func (r *reader) Snapshot(context.Context, checkpoint.Epoch) ([]checkpoint.Split, error) {
	if r.next == len(r.records) {
		return nil, nil
	}
	return []checkpoint.Split{place().Split(uint64(r.next))}, nil
}

// Close does nothing: there is nothing to release.
func (r *reader) Close() error { return nil }

var (
	_ connectors.Source       = (*Source)(nil)
	_ connectors.SourceReader = (*reader)(nil)
)
