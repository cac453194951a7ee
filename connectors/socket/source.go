package socket

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
)

// splitID names the only split (K1).
const splitID = "connection"

// formatVersion is the version of all positions of this source.
const formatVersion = 1

// Source is the opened source.
type Source struct {
	config *SourceConfig
	dialer *dialer
	logger *slog.Logger
	now    func() time.Time
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
			fmt.Errorf("restoring the socket %s: %w", s.config.Address, err))
	}
	return connectors.Enumeration{State: state, Done: true}, nil
}

// OpenReader opens the reader of one task. It connects once it has the split.
func (s *Source) OpenReader(
	_ context.Context, rc connectors.ReaderContext,
) (connectors.SourceReader, error) {
	splitter, err := delimited.New(delimited.Options{
		Charset: s.config.Charset, Delimiter: s.config.Delimiter,
		RecordBytesMax: int(s.config.RecordBytesMax),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the reader of %s: %w", s.config.Address, err)
	}
	r := &reader{
		source: s, limits: rc.Limits, splitter: splitter, row: s.config.newRow(s.config.Attempts),
		timer: time.NewTimer(0),
	}
	r.timer.Stop()
	return r, nil
}

// Close does nothing: the reader holds the connection.
func (s *Source) Close() error { return nil }

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

var _ connectors.Source = (*Source)(nil)
