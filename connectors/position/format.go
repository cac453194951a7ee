package position

import (
	"encoding/binary"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// Format is the durable form of a source's positions.
type Format struct {
	Version uint16 // at least 1
	Count   int    // numbers in a position
	Invalid error  // what a position is that no version of the source wrote
}

// Encode returns the position of so many numbers as f.Count says.
func (f Format) Encode(numbers ...uint64) checkpoint.Position {
	var data []byte
	for _, n := range numbers {
		data = binary.AppendUvarint(data, n)
	}
	return checkpoint.Position{Version: f.Version, Data: data}
}

// Check refuses a version that f does not know (N1).
func (f Format) Check(version uint16) error {
	switch {
	case version > f.Version:
		return fmt.Errorf("version %d, known is %d: %w",
			version, f.Version, checkpoint.ErrNewerFormat)
	case version < f.Version:
		return fmt.Errorf("version %d: %w", version, f.Invalid)
	}
	return nil
}

// Decode returns the f.Count numbers of a position.
func (f Format) Decode(p checkpoint.Position) ([]uint64, error) {
	if err := f.Check(p.Version); err != nil {
		return nil, err
	}
	numbers, rest := make([]uint64, f.Count), p.Data
	for i := range numbers {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			return nil, fmt.Errorf("%x: %w", p.Data, f.Invalid)
		}
		numbers[i], rest = n, rest[size:]
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%x: %w", p.Data, f.Invalid)
	}
	return numbers, nil
}

// Single is a source with one split.
type Single struct {
	Format
	Source string // what errors call it, as in "the collection"
	ID     string // of the split
}

// Enumerate finds the split at the first start, at zeros, and nothing later.
func (s Single) Enumerate(state checkpoint.Position) (connectors.Enumeration, error) {
	if state.IsZero() {
		return connectors.Enumeration{
			Found: []checkpoint.Split{s.Split(make([]uint64, s.Count)...)},
			State: checkpoint.Position{Version: s.Version}, Done: true,
		}, nil
	}
	if err := s.Check(state.Version); err != nil {
		return connectors.Enumeration{}, connectors.Permanent(
			fmt.Errorf("restoring %s: %w", s.Source, err))
	}
	return connectors.Enumeration{State: state, Done: true}, nil
}

// Split returns the split at a position.
func (s Single) Split(numbers ...uint64) checkpoint.Split {
	return checkpoint.Split{ID: s.ID, Position: s.Encode(numbers...)}
}

// Restore returns the position of split, which must be the one of s.
func (s Single) Restore(split checkpoint.Split) ([]uint64, error) {
	numbers, err := s.Decode(split.Position)
	if err == nil && split.ID != s.ID {
		err = s.Invalid
	}
	if err != nil {
		return nil, connectors.Permanent(
			fmt.Errorf("restoring split %q of %s: %w", split.ID, s.Source, err))
	}
	return numbers, nil
}
