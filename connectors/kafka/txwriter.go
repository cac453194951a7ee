package kafka

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// txWriter writes the records of one task to one sink into the transaction of the log.
//
// Between Prepare(e) and the Begin of e+1 the transaction still is that of e, or none is open. What
// is written meanwhile belongs to e+1 and is staged in the slabs that the client would hold anyway.
type txWriter struct {
	outgoing
	tx     *Tx
	task   int
	held   atomic.Int64  // bytes that are staged or not acknowledged
	freed  chan struct{} // told when held falls
	epoch  atomic.Uint64 // that the records written now belong to; changed by the task alone
	closed bool

	mu struct { // held while records are handed over, so that a task's stay in order (X5)
		sync.Mutex
		staged []*slab
	}
}

// join opens a writer of s whose records are part of the transactions of t.
func (t *Tx) join(s *Sink, wc connectors.WriterContext) (connectors.SinkWriter, error) {
	m, err := s.txMetrics(t)
	if err != nil {
		return nil, err
	}
	t.metrics.CompareAndSwap(nil, m)
	w := &txWriter{
		outgoing: newOutgoing(s, wc, t.counts), tx: t, task: wc.Task, freed: make(chan struct{}, 1),
	}
	w.slabs.failed = func(r *kgo.Record, err error) { t.fail(explainSend(r, err)) }
	w.slabs.acked = w.acked
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.err != nil {
		return nil, fmt.Errorf("joining the transaction of epoch %d: %w", t.mu.epoch, t.mu.err)
	}
	w.epoch.Store(uint64(t.mu.epoch))
	t.mu.writers = append(t.mu.writers, w)
	return w, nil
}

// Write hands the records of b to the client, or stages them. It waits while the task has more than
// buffer_bytes_max under way.
func (w *txWriter) Write(ctx context.Context, b *connectors.Batch) error {
	s, err := w.fill(ctx, b)
	if err != nil {
		return err
	}
	if err := w.admit(ctx, s); err != nil {
		s.release()
		return err
	}
	return w.give(s)
}

// admit waits until s may be held beside what is held already. One slab always may.
func (w *txWriter) admit(ctx context.Context, s *slab) error {
	limit, size := int64(w.sink.config.BufferBytes), int64(s.size)
	for {
		if held := w.held.Load(); held == 0 || held+size <= limit {
			s.charged = size
			w.held.Add(size)
			return w.tx.failure()
		}
		select {
		case <-w.freed:
		case <-w.tx.dead:
			return w.tx.failure()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// acked runs on the client's goroutine, or on that of a task that lets an unsent slab go.
func (w *txWriter) acked(size int64, delivered bool) {
	if delivered {
		w.tx.stands.Store(true)
	}
	w.held.Add(-size)
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// give sends s, after what is staged, or stages it.
func (w *txWriter) give(s *slab) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	now, err := w.tx.openFor(checkpoint.Epoch(w.epoch.Load()))
	switch {
	case err != nil:
		s.release()
		return err
	case !now:
		w.mu.staged = append(w.mu.staged, s)
		return nil
	}
	w.sendStagedLocked()
	s.send(context.Background(), w.tx.client)
	return nil
}

// release sends what is staged. The transaction has just been opened.
func (w *txWriter) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.mu.staged) == 0 {
		return
	}
	// The time of the transaction counts from these records, which openFor notes.
	if now, err := w.tx.openFor(checkpoint.Epoch(w.epoch.Load())); now && err == nil {
		w.sendStagedLocked()
	}
}

// sendStagedLocked never waits: the client has no bound of its own, and is never interrupted.
func (w *txWriter) sendStagedLocked() {
	for _, s := range w.mu.staged {
		s.send(context.Background(), w.tx.client)
	}
	clear(w.mu.staged)
	w.mu.staged = w.mu.staged[:0]
}

// Flush does not wait: Commit of the transaction waits for all records of all tasks at once.
func (w *txWriter) Flush(context.Context) error { return w.tx.failure() }

// Prepare ends epoch e for this writer. Nothing is left to commit: the transaction is the output.
func (w *txWriter) Prepare(_ context.Context, e checkpoint.Epoch) ([]checkpoint.Committable, error) {
	if now := checkpoint.Epoch(w.epoch.Load()); now != e {
		return nil, fmt.Errorf("preparing epoch %d: the writer is in epoch %d", e, now)
	}
	w.epoch.Store(uint64(e) + 1)
	return nil, w.tx.failure()
}

// Close drops what is staged and leaves the transaction. The last one to leave aborts it if nobody
// has begun to commit it: what the attempt leaves open would hold back readers.
func (w *txWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	w.mu.Lock()
	for _, s := range w.mu.staged {
		s.release()
	}
	w.mu.staged = nil
	w.mu.Unlock()
	return w.tx.leave(w)
}

// leave takes w out of the transaction.
func (t *Tx) leave(w *txWriter) error {
	t.mu.Lock()
	t.mu.writers = slices.DeleteFunc(t.mu.writers, func(x *txWriter) bool { return x == w })
	abandoned := len(t.mu.writers) == 0 && t.mu.stage == open
	t.mu.Unlock()
	if !abandoned {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	return t.abort(ctx, errAborted)
}

var (
	_ connectors.SinkWriter       = (*txWriter)(nil)
	_ connectors.PartitionCounter = (*txWriter)(nil)
	_ checkpoint.Preparer         = (*txWriter)(nil)
)
