package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors"
)

var (
	errNoTransaction = errors.New("no transaction is open")
	errAborted       = errors.New("the transaction was given up")
	errClosed        = errors.New("the session is closed")
	errSuperseded    = errors.New("another claim of this process began")
)

// stage is where the transaction of a Tx stands.
//
//	idle --> open --> ending --> idle
//	           |        |
//	           +--------+--> over
//
// over is for good: the next Fence makes another Tx.
type stage int

const (
	idle   stage = iota // nothing is open: records for the next epoch are staged
	open                // records go out
	ending              // flushing, committing or aborting
	over                // failed, fenced or closed
)

// joinable is a transaction that writers can join.
type joinable interface {
	checkpoint.Tx
	join(s *Sink, wc connectors.WriterContext) (connectors.SinkWriter, error)
}

// Tx is the transaction of a session between two Fences: that of one epoch after the other. All
// writers that joined it and the commit record write through its one client.
type Tx struct {
	session *Session
	client  *kgo.Client
	counts  *clientCounts
	dead    chan struct{} // closed when no transaction of this Tx can be committed any more
	stands  atomic.Bool   // a record of the open transaction is acknowledged
	metrics atomic.Pointer[txMetrics]
	expires sync.WaitGroup // the watchdog while it acts

	mu struct {
		sync.Mutex
		stage    stage
		epoch    checkpoint.Epoch // of the transaction that is or was open last
		since    time.Time        // when its first record was handed over; zero is none yet
		watchdog *time.Timer      // fires when it has been open for too long
		err      error            // why dead is closed
		writers  []*txWriter
	}
}

func newTx(s *Session, counts *clientCounts) *Tx {
	return &Tx{session: s, counts: counts, dead: make(chan struct{})}
}

// Epoch returns the epoch of the transaction that is open, or was last.
func (t *Tx) Epoch() checkpoint.Epoch {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.epoch
}

// failure returns why nothing can be committed any more, or nil.
func (t *Tx) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.err
}

// fail notes the first failure. The transaction that is open will not be committed (X3).
func (t *Tx) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failLocked(err)
}

func (t *Tx) failLocked(err error) {
	if t.mu.err == nil {
		t.mu.err = err
		close(t.dead)
	}
}

// begin opens the transaction of epoch e and releases what writers staged for it.
func (t *Tx) begin(e checkpoint.Epoch) error {
	t.mu.Lock()
	if t.mu.err != nil {
		defer t.mu.Unlock()
		return t.mu.err
	}
	if t.mu.stage != idle || e <= t.mu.epoch {
		defer t.mu.Unlock()
		return fmt.Errorf("the transaction of epoch %d was the last one and may be open", t.mu.epoch)
	}
	if err := t.client.BeginTransaction(); err != nil {
		t.failLocked(err)
		t.mu.stage = over
		t.mu.Unlock()
		return err
	}
	t.stands.Store(false)
	t.mu.stage, t.mu.epoch, t.mu.since = open, e, time.Time{}
	writers := slices.Clone(t.mu.writers)
	t.mu.Unlock()
	// From here on writers may find the transaction open; each sends what it staged first.
	for _, w := range writers {
		w.release()
	}
	return nil
}

// openFor reports whether records of epoch e go out now. The caller is about to send some: the time
// of the transaction counts from the first ones, as it does at the broker.
func (t *Tx) openFor(e checkpoint.Epoch) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.err != nil {
		return false, t.mu.err
	}
	if t.mu.stage != open || t.mu.epoch != e {
		return false, nil
	}
	if t.mu.since.IsZero() {
		t.mu.since = t.session.env.Now()
		t.mu.watchdog = time.AfterFunc(t.session.config.Timeout.D()/2, func() { t.expire(e) })
	}
	return true, nil
}

// append sends the commit record.
func (t *Tx) append(r *kgo.Record) error {
	t.mu.Lock()
	e := t.mu.epoch
	t.mu.Unlock()
	ok, err := t.openFor(e)
	if err == nil && !ok {
		err = errNoTransaction
	}
	if err != nil {
		return markFencing(fmt.Errorf("appending the commit record of epoch %d: %w", e, err))
	}
	t.client.Produce(context.Background(), r, func(r *kgo.Record, err error) {
		if err != nil {
			t.fail(t.session.explainAppend(r, err))
			return
		}
		t.stands.Store(true)
	})
	return nil
}

// commit ends the open transaction. Its errors say what is certain about the outcome (X4).
func (t *Tx) commit(ctx context.Context) error {
	began := time.Now()
	t.mu.Lock()
	if t.mu.stage != open {
		err := errors.Join(errNoTransaction, t.mu.err)
		t.mu.Unlock()
		return fmt.Errorf("%w: %w", txlog.ErrNotCommitted, err)
	}
	t.mu.stage = ending
	t.stopWatchdogLocked()
	e := t.mu.epoch
	t.mu.Unlock()

	if err := t.settle(ctx); err != nil {
		// Nobody has asked the broker to commit, and nobody will: this client is given up.
		t.giveUp(err)
		return notCommitted(e, err)
	}
	if err := t.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		if isRefusal(err) {
			t.giveUp(err)
			return notCommitted(e, err)
		}
		t.fail(err)
		t.setStage(over)
		return endError(e, err)
	}
	t.setStage(idle)
	if m := t.metrics.Load(); m != nil {
		m.committed(time.Since(began))
	}
	return nil
}

// settle waits until every record of the transaction is acknowledged. It returns nil only if all of
// them are, and there is one.
func (t *Tx) settle(ctx context.Context) error {
	c := t.session.config
	wait, cancel := context.WithTimeoutCause(ctx, c.DeliveryTimeout.D(),
		fmt.Errorf("no answer within delivery_timeout (%v)", c.DeliveryTimeout))
	defer cancel()
	stop := t.onDeath(wait, cancel)
	defer stop()
	if t.client.Flush(wait) != nil {
		if err := t.failure(); err != nil {
			return err
		}
		return fmt.Errorf("waiting for the acknowledgements of %s: %w",
			strings.Join(c.Brokers, ", "), context.Cause(wait))
	}
	if err := t.failure(); err != nil {
		return err
	}
	if !t.stands.Load() {
		// The client would turn the commit of an empty transaction into an abort and say nil.
		return errors.New("nothing was written in it")
	}
	return t.counts.settled(wait, t.client)
}

// onDeath calls f once nothing can be committed any more. The caller calls stop, which waits.
func (t *Tx) onDeath(ctx context.Context, f func()) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // ends by stop at the latest
		defer close(done)
		select {
		case <-t.dead:
			f()
		case <-ctx.Done():
		}
	}()
	return func() { cancel(); <-done }
}

// abort ends the open transaction without effect; when none is open it only makes t fail.
func (t *Tx) abort(ctx context.Context, cause error) error {
	t.mu.Lock()
	t.failLocked(cause)
	if t.mu.stage != open {
		// A commit that is under way, or whose outcome is in doubt, is left alone (X4).
		if t.mu.stage == idle {
			t.mu.stage = over
		}
		t.mu.Unlock()
		return nil
	}
	t.mu.stage = ending
	t.stopWatchdogLocked()
	e := t.mu.epoch
	t.mu.Unlock()
	defer t.setStage(over)
	if err := t.end(ctx); err != nil {
		return fmt.Errorf("aborting the transaction of epoch %d: %w", e, err)
	}
	return nil
}

// giveUp aborts in the background of an error that says more than that of aborting would.
func (t *Tx) giveUp(cause error) {
	t.fail(cause)
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	if err := t.end(ctx); err != nil {
		t.session.env.Logger.Warn("aborting a transaction; the broker will in time",
			"transactional_id", t.session.id, "error", err)
	}
	t.setStage(over)
}

// end throws buffered records away and tells the broker to abort.
func (t *Tx) end(ctx context.Context) error {
	if err := t.client.AbortBufferedRecords(ctx); err != nil {
		return err
	}
	// A topic that was never found is not waited for: nothing was sent there.
	seen, cancel := context.WithTimeout(ctx, seenTimeout)
	_ = t.counts.settled(seen, t.client)
	cancel()
	return t.client.EndTransaction(ctx, kgo.TryAbort)
}

// close ends t for good. What is open is left to the caller or to the next owner of the id.
func (t *Tx) close(cause error) {
	t.mu.Lock()
	t.failLocked(cause)
	t.stopWatchdogLocked()
	if t.mu.stage != ending {
		t.mu.stage = over
	}
	t.mu.Unlock()
	t.expires.Wait()
	t.client.Close()
}

func (t *Tx) setStage(s stage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.stage = s
}

func (t *Tx) stopWatchdogLocked() {
	if t.mu.watchdog != nil {
		t.mu.watchdog.Stop()
		t.mu.watchdog = nil
	}
}

// expire gives up the transaction of epoch e, which holds back readers of its topics, when it is
// still open after half of the time that the broker gives it: something beside this cluster keeps
// the epoch from being decided.
func (t *Tx) expire(e checkpoint.Epoch) {
	t.mu.Lock()
	if t.mu.stage != open || t.mu.epoch != e {
		t.mu.Unlock()
		return
	}
	cause := fmt.Errorf("the transaction of epoch %d was open for half of transaction_timeout (%v) "+
		"and held back its readers, so it was aborted: %s; see what keeps them, or raise "+
		"transaction_timeout", e, t.session.config.Timeout, t.lateLocked())
	t.expires.Add(1)
	t.mu.Unlock()
	defer t.expires.Done()
	t.session.env.Logger.Error(cause.Error())
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	if err := t.abort(ctx, cause); err != nil {
		t.session.env.Logger.Warn("the broker will abort it in time", "error", err)
	}
}

// lateLocked names the writers that have not ended the epoch.
func (t *Tx) lateLocked() string {
	var late []string
	for _, w := range t.mu.writers {
		if w.epoch.Load() <= uint64(t.mu.epoch) {
			late = append(late, fmt.Sprintf("task %d of %s", w.task, w.sink.env.Name))
		}
	}
	switch len(late) {
	case 0:
		return "every task had ended the epoch, and it was not decided"
	case len(t.mu.writers):
		return "no task had ended the epoch"
	default:
		return strings.Join(late, ", ") + " had not ended the epoch"
	}
}

// age returns for how long a transaction has been open with records in it.
func (t *Tx) age() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.stage != open && t.mu.stage != ending || t.mu.since.IsZero() {
		return 0
	}
	return t.session.env.Now().Sub(t.mu.since)
}

// notCommitted says that nothing of the transaction will be seen.
func notCommitted(e checkpoint.Epoch, err error) error {
	return markFencing(fmt.Errorf("committing the transaction of epoch %d: %w: %w", e,
		txlog.ErrNotCommitted, err))
}

// endError says what an error of the request that commits means. When nothing is said about the
// outcome it is unknown: the request may be under way still.
func endError(e checkpoint.Epoch, err error) error {
	return markFencing(fmt.Errorf("committing the transaction of epoch %d: %w", e, err))
}

// markFencing tells the log that it may have lost the job. Writers are not told: brokers say the
// same of a transaction that timed out, and the log knows how to find out.
func markFencing(err error) error {
	if !isFencing(err) {
		return err
	}
	return fmt.Errorf("%w: %w", checkpoint.ErrFenced, err)
}

// isRefusal reports whether the client did not ask the broker to commit, or the broker said that
// the transaction can only be aborted.
func isRefusal(err error) bool {
	return errors.Is(err, kerr.OperationNotAttempted) || errors.Is(err, kerr.TransactionAbortable)
}

// isFencing reports whether a broker said that another client holds the transactional id now, or
// that it has ended the transaction itself, which it says with the same words.
func isFencing(err error) bool {
	for _, f := range [...]error{
		kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping,
		kerr.TransactionalIDNotFound, kerr.InvalidTxnState,
	} {
		if errors.Is(err, f) {
			return true
		}
	}
	return false
}

var _ joinable = (*Tx)(nil)
