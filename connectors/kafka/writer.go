package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// closeTimeout bounds how long Close waits for records nobody waited for before.
const closeTimeout = 5 * time.Second

// writer produces the records of one task without transactions.
type writer struct {
	outgoing
	client *kgo.Client
	closed bool

	mu struct {
		sync.Mutex
		err      error // the first failed send (Q7)
		returned bool  // err was handed to the task
	}
}

// failed keeps the first failed send. It runs on the client's goroutine.
func (w *writer) failed(r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err == nil {
		w.mu.err = explainSend(r, err)
	}
}

// failure returns the first failed send.
func (w *writer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.returned = w.mu.returned || w.mu.err != nil
	return w.mu.err
}

// Write hands the records of b to the client, which sends them in the background. It waits while
// the buffer is full.
func (w *writer) Write(ctx context.Context, b *connectors.Batch) error {
	if err := w.failure(); err != nil {
		return err
	}
	s, err := w.fill(ctx, b)
	if err != nil {
		return err
	}
	s.send(ctx, w.client)
	return w.failure()
}

// Flush waits until every record is acknowledged, unless nobody is to wait. The client's own
// timeout of a record counts from the record's timestamp, which may lie years back, so the time is
// taken here.
func (w *writer) Flush(ctx context.Context) error {
	if w.sink.config.Semantic == semanticNone {
		return w.failure()
	}
	limit := w.sink.config.DeliveryTimeout
	wait, cancel := context.WithTimeoutCause(ctx, limit.D(),
		fmt.Errorf("no answer within delivery_timeout (%v)", limit))
	defer cancel()
	if w.client.Flush(wait) != nil {
		return errors.Join(w.failure(), fmt.Errorf("waiting for the acknowledgements of %s: %w",
			strings.Join(w.sink.config.Brokers, ", "), context.Cause(wait)))
	}
	return w.failure()
}

// Close closes the client. Records that were not flushed are thrown away, except where nobody
// ever waits for them. It returns the failure of a send that nobody has heard of.
func (w *writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	var err error
	if w.sink.config.Semantic == semanticNone {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		err = w.client.Flush(ctx)
		cancel()
	}
	w.mu.Lock()
	if !w.mu.returned {
		err = errors.Join(w.mu.err, err)
	}
	w.mu.Unlock()
	w.client.Close()
	return err
}

var (
	_ connectors.SinkWriter       = (*writer)(nil)
	_ connectors.PartitionCounter = (*writer)(nil)
)
