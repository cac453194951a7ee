package socket

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/delimited"
	"github.com/wasmflow/wasmflow/connectors/position"
)

// Source is the opened source.
type Source struct {
	config *SourceConfig
	dialer *dialer
	logger *slog.Logger
	now    func() time.Time
}

// place is the durable form of positions: a run and its records (K1, K5).
func (s *Source) place() position.Single {
	return position.Single{
		Format: position.Format{Version: 1, Count: 2, Invalid: ErrPosition},
		Source: "the socket " + s.config.Address, ID: "connection",
	}
}

// Enumerate finds the only split at the first start.
func (s *Source) Enumerate(
	_ context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	return s.place().Enumerate(state)
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
		timer: time.NewTimer(0), run: position.NewRun(s.place()),
	}
	r.timer.Stop()
	return r, nil
}

// Close does nothing: the reader holds the connection.
func (s *Source) Close() error { return nil }

var _ connectors.Source = (*Source)(nil)
