package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// recordOverheadBytes is more than the frame of a batch with one record takes.
	recordOverheadBytes = 128
	// closeTimeout bounds how long Close waits for records nobody waited for before.
	closeTimeout = 5 * time.Second
)

// writer produces the records of one task.
type writer struct {
	sink    *Sink
	client  *kgo.Client
	faults  func(*connectors.Record, connectors.Fault) error
	slabs   slabs
	targets []string // topics of a batch's targets; "" was not looked at yet
	closed  bool

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
		w.mu.err = classify(w.explain(r, err))
	}
}

// explain names the record and, where a setting mends it, the setting.
func (w *writer) explain(r *kgo.Record, err error) error {
	text := ""
	switch {
	case errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge):
		text = "; raise the topic's max.message.bytes, or lower batch_bytes_max"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		text = "; the topic or the chosen partition does not exist"
	}
	return fmt.Errorf("writing to topic %s, partition %d: %w%s", r.Topic, r.Partition, err, text)
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
	w.targets = w.targets[:0]
	for range b.Targets {
		w.targets = append(w.targets, "")
	}
	s := w.slabs.take(b)
	defer s.release()
	for i := range b.Records {
		r := &b.Records[i]
		topic, err := w.topicOf(ctx, b, r)
		if err != nil {
			return err
		}
		if refused := w.refusal(topic, r); refused != "" {
			fault := connectors.Fault{Index: i, Text: refused}
			if err := w.refuse(r, fault); err != nil {
				return err
			}
			continue
		}
		w.client.Produce(ctx, s.fill(b, i, topic), s.promise)
	}
	return w.failure()
}

// topicOf returns the topic of r, or "" when it has none.
func (w *writer) topicOf(
	ctx context.Context, b *connectors.Batch, r *connectors.Record,
) (string, error) {
	if r.Target == 0 {
		return w.sink.config.Topic, nil
	}
	known := &w.targets[r.Target-1]
	if *known == "" {
		topic := b.TargetOf(r)
		if err := w.sink.needTopic(ctx, topic); err != nil {
			return "", err
		}
		*known = topic
	}
	return *known, nil
}

// refusal says why r cannot be written, or "".
func (w *writer) refusal(topic string, r *connectors.Record) string {
	if topic == "" {
		return "the record names no topic, and the sink has none; set topic, or a target"
	}
	size := len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += len(h.Key) + len(h.Value) + recordOverheadBytes/4
	}
	if limit := int(w.sink.config.BatchBytes) - recordOverheadBytes; size > limit {
		return fmt.Sprintf("%d bytes for topic %s do not fit into batch_bytes_max = %v; raise it, "+
			"and the topic's max.message.bytes", size, topic, w.sink.config.BatchBytes)
	}
	return ""
}

func (w *writer) refuse(r *connectors.Record, f connectors.Fault) error {
	if w.faults == nil {
		return fmt.Errorf("writing a record to Kafka: %s", f.Text)
	}
	return w.faults(r, f)
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

var _ connectors.SinkWriter = (*writer)(nil)
