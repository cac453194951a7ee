package discard

import (
	"context"
	"sync/atomic"

	"github.com/wasmflow/wasmflow/connectors"
)

// Sink counts what its writers drop.
type Sink struct{ records atomic.Int64 }

// Records returns how many records were dropped so far, replayed ones counted again.
func (s *Sink) Records() int64 { return s.records.Load() }

// OpenWriter opens the writer of one task.
func (s *Sink) OpenWriter(
	context.Context, connectors.WriterContext,
) (connectors.SinkWriter, error) {
	return writer{s}, nil
}

// Close does nothing: there is nothing to release.
func (s *Sink) Close() error { return nil }

type writer struct{ sink *Sink }

func (w writer) Write(_ context.Context, b *connectors.Batch) error {
	w.sink.records.Add(int64(b.Len()))
	return nil
}

func (writer) Flush(context.Context) error { return nil }

func (writer) Close() error { return nil }

var (
	_ connectors.Sink       = (*Sink)(nil)
	_ connectors.SinkWriter = writer{}
)
