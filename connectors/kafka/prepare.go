package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// preparer writes the records of one task to a cluster in which no epochs are decided: in
// transactions of its own, one for each epoch, which are prepared and then committed by their
// producer's id and epoch, by whoever owns the job then.
type preparer struct {
	outgoing
	task   int
	owner  checkpoint.Owner
	slot   int         // of the transaction that is written
	client *kgo.Client // of that transaction; nil when nothing was written in it
	since  time.Time   // when it was begun
	closed bool

	mu struct {
		sync.Mutex
		err error // the first failed send (Q7)
	}
}

func newPreparer(s *Sink, wc connectors.WriterContext) *preparer {
	w := &preparer{
		outgoing: newOutgoing(s, wc, newClientCounts()), task: wc.Task, owner: wc.Owner,
	}
	w.slabs.failed = w.failed
	return w
}

func (w *preparer) failed(r *kgo.Record, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.err == nil {
		w.mu.err = explainSend(r, err)
	}
}

func (w *preparer) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.err
}

// Write hands the records of b to the client. The first ones of an epoch begin its transaction.
func (w *preparer) Write(ctx context.Context, b *connectors.Batch) error {
	if err := w.failure(); err != nil {
		return err
	}
	s, err := w.fill(ctx, b)
	if err != nil {
		return err
	}
	if len(s.sent) > 0 {
		if err := w.begin(ctx); err != nil {
			s.release()
			return err
		}
	}
	s.send(ctx, w.client)
	return w.failure()
}

// begin opens a transaction unless one is open. Every one has a client of its own: the one before
// under its id was ended by a committer, of which the client that wrote it does not know.
func (w *preparer) begin(ctx context.Context) error {
	if w.client != nil {
		return nil
	}
	c := w.sink.config
	id := c.slotID(w.sink.env.Job, w.sink.env.Name, w.owner.Number, w.task, w.slot)
	opts, err := c.options(ctx, w.sink.env, sinkSide, id)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(append(c.producerOptions(w.counts), opts...),
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(c.Timeout.D()),
		kgo.MaxBufferedBytes(int(c.BufferBytes)),
		kgo.MaxBufferedRecords(bufferRecordsMax),
		kgo.WithHooks(w.sink.metrics))...)
	if err != nil {
		return fmt.Errorf("opening a transactional Kafka client: %w", err)
	}
	if _, _, err := client.ProducerID(ctx); err != nil {
		client.Close()
		return c.explainInit(id, err)
	}
	if err := client.BeginTransaction(); err != nil {
		client.Close()
		return fmt.Errorf("beginning a transaction as %s: %w", id, err)
	}
	w.client, w.since = client, w.sink.env.Now()
	return nil
}

// Flush does not wait: Prepare does.
func (w *preparer) Flush(context.Context) error { return w.failure() }

// Prepare waits until every record is acknowledged and returns what is needed to commit them. It
// refuses a transaction that is half over: what follows needs the rest of the time.
func (w *preparer) Prepare(
	ctx context.Context, e checkpoint.Epoch,
) ([]checkpoint.Committable, error) {
	if w.client == nil {
		return nil, w.failure()
	}
	c := w.sink.config
	wait, cancel := context.WithTimeoutCause(ctx, c.DeliveryTimeout.D(),
		fmt.Errorf("no answer within delivery_timeout (%v)", c.DeliveryTimeout))
	defer cancel()
	if w.client.Flush(wait) != nil {
		return nil, errors.Join(w.failure(), fmt.Errorf("waiting for acknowledgements: %w",
			context.Cause(wait)))
	}
	if err := w.failure(); err != nil {
		return nil, err
	}
	if age := w.sink.env.Now().Sub(w.since); age >= c.Timeout.D()/2 {
		return nil, fmt.Errorf("the transaction of epoch %d is open for %v, which is half of "+
			"transaction_timeout (%v) or more; lower the checkpoint interval, or raise the timeout",
			e, age.Round(time.Millisecond), c.Timeout)
	}
	// Read after the flush: recovering from an error within the transaction changes the epoch.
	producer, epoch, err := w.client.ProducerID(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the producer's id: %w", err)
	}
	version, err := transactionVersion(ctx, w.sink.admin)
	if err != nil {
		return nil, err
	}
	p := prepared{
		id:         c.slotID(w.sink.env.Job, w.sink.env.Name, w.owner.Number, w.task, w.slot),
		producerID: producer, epoch: epoch, version: version,
	}
	// Closing a client leaves its transaction open.
	w.client.Close()
	w.client, w.slot = nil, (w.slot+1)%slots
	return []checkpoint.Committable{{
		Sink: w.sink.env.Name, Task: w.task, Epoch: e, Claim: w.owner.Number,
		Version: committableVersion, Data: p.encode(),
	}}, nil
}

// Close aborts what is not prepared.
func (w *preparer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.client == nil {
		return nil
	}
	defer w.client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
	defer cancel()
	err := w.client.AbortBufferedRecords(ctx)
	if err == nil {
		err = w.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		w.sink.env.Logger.Warn("aborting a transaction; the brokers will in time", "error", err)
	}
	return nil
}

var (
	_ connectors.SinkWriter       = (*preparer)(nil)
	_ connectors.PartitionCounter = (*preparer)(nil)
	_ checkpoint.Preparer         = (*preparer)(nil)
)
