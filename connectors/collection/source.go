package collection

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// splitID names the only split (L1).
const splitID = "records"

// formatVersion is the version of all positions of this source.
const formatVersion = 1

// Source is the opened source.
type Source struct{ records []Record }

// Enumerate finds the only split at the first start.
func (s *Source) Enumerate(
	_ context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	if state.IsZero() {
		return connectors.Enumeration{
			Found: []checkpoint.Split{{ID: splitID, Position: encode(0)}},
			State: checkpoint.Position{Version: formatVersion}, Done: true,
		}, nil
	}
	if err := checkVersion(state.Version); err != nil {
		return connectors.Enumeration{}, connectors.Permanent(
			fmt.Errorf("restoring the collection: %w", err))
	}
	return connectors.Enumeration{State: state, Done: true}, nil
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
		next, err := decode(s.Position)
		if err == nil && s.ID != splitID {
			err = ErrPosition
		}
		if err == nil && next > uint64(len(r.records)) {
			err = fmt.Errorf("%d records were read, the job file has %d: %w",
				next, len(r.records), ErrPosition)
		}
		if err != nil {
			return connectors.Permanent(fmt.Errorf("restoring split %q: %w", s.ID, err))
		}
		r.next = int(next)
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
	return []checkpoint.Split{{ID: splitID, Position: encode(uint64(r.next))}}, nil
}

// Close does nothing: there is nothing to release.
func (r *reader) Close() error { return nil }

func encode(next uint64) checkpoint.Position {
	return checkpoint.Position{Version: formatVersion, Data: binary.AppendUvarint(nil, next)}
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

func decode(p checkpoint.Position) (uint64, error) {
	if err := checkVersion(p.Version); err != nil {
		return 0, err
	}
	next, size := binary.Uvarint(p.Data)
	if size <= 0 || size != len(p.Data) {
		return 0, fmt.Errorf("%x: %w", p.Data, ErrPosition)
	}
	return next, nil
}

var (
	_ connectors.Source       = (*Source)(nil)
	_ connectors.SourceReader = (*reader)(nil)
)
