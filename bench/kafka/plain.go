package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// loopConfig is what a bare loop is told.
type loopConfig struct {
	brokers, in, out string
	commits          string        // topic of the tuned loop's commit records
	id               string        // transactional id, and group of the plain loop
	every            time.Duration // between the ends of two transactions
	latest           bool          // begin at the end of the input and go on until killed
}

// plainLoop is what a careful user writes with the client's own group session and its defaults:
// poll, put into capitals, produce, and end the transaction every so often.
func plainLoop(ctx context.Context, c loopConfig) error {
	ends, err := endOffsets(ctx, c.brokers, c.in)
	if err != nil {
		return err
	}
	start := kgo.NewOffset().AtStart()
	if c.latest {
		start = kgo.NewOffset().AtEnd()
	}
	session, err := kgo.NewGroupTransactSession(
		kgo.SeedBrokers(c.brokers), kgo.TransactionalID(c.id), kgo.ConsumerGroup(c.id),
		kgo.ConsumeTopics(c.in), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(start), kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		return fmt.Errorf("opening the session: %w", err)
	}
	defer session.Close()
	var failed produceError
	for done := false; !done; {
		if err := session.Begin(); err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		turn, cancel := context.WithTimeout(ctx, c.every)
		for turn.Err() == nil && !done {
			fetches := session.PollFetches(turn)
			if err := fetchError(fetches); err != nil {
				cancel()
				return err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				session.Produce(ctx, &kgo.Record{
					Topic: c.out, Key: r.Key, Value: bytes.ToUpper(r.Value), Timestamp: r.Timestamp,
				}, failed.promise)
				ends.passed(r)
			})
			done = !c.latest && ends.reached()
		}
		cancel()
		if committed, err := session.End(ctx, kgo.TryCommit); err != nil || !committed {
			return errors.Join(fmt.Errorf("ending a transaction: committed %v: %w", committed, err),
				failed.err())
		}
	}
	return failed.err()
}

// tunedLoop is the cheapest loop known to be exactly-once: partitions assigned by hand, large
// fetches, fetched records sent on as they are, capitals made in place, the position in a record
// of the same transaction.
func tunedLoop(ctx context.Context, c loopConfig) error {
	ends, err := endOffsets(ctx, c.brokers, c.in)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.brokers), kgo.TransactionalID(c.id), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{c.in: ends.starts()}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.FetchMaxBytes(16<<20), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(1_000_012), kgo.MaxBufferedRecords(250_000),
		kgo.ProducerLinger(5*time.Millisecond),
	)
	if err != nil {
		return fmt.Errorf("opening the client: %w", err)
	}
	defer client.Close()
	var failed produceError
	promise := failed.promise // a value, so that no record allocates one
	for done := false; !done; {
		if err := client.BeginTransaction(); err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		turn, cancel := context.WithTimeout(ctx, c.every)
		for turn.Err() == nil && !done {
			fetches := client.PollFetches(turn)
			if err := fetchError(fetches); err != nil {
				cancel()
				return err
			}
			fetches.EachRecord(func(r *kgo.Record) {
				ends.passed(r)
				capitals(r.Value)
				r.Topic, r.Partition, r.Context = c.out, 0, nil
				client.Produce(ctx, r, promise)
			})
			done = ends.reached()
		}
		cancel()
		client.Produce(ctx, &kgo.Record{Topic: c.commits, Value: ends.encode()}, promise)
		if err := client.Flush(ctx); err != nil {
			return fmt.Errorf("flushing: %w", err)
		}
		if err := errors.Join(failed.err(), client.EndTransaction(ctx, kgo.TryCommit)); err != nil {
			return fmt.Errorf("ending a transaction: %w", err)
		}
	}
	return nil
}

// capitals puts b into capitals in place.
func capitals(b []byte) {
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
}

// fetchError returns what went wrong in a poll. The end of the turn is no error.
func fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return fmt.Errorf("reading %s, partition %d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return nil
}

// endOffsets returns where the partitions of topic end now, with the records of transactions whose
// markers are still on their way: a broker answers the end of a transaction before it has written
// them.
func endOffsets(ctx context.Context, brokers, topic string) (*progress, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers))
	if err != nil {
		return nil, fmt.Errorf("opening a client: %w", err)
	}
	defer client.Close()
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("listing the ends of %s: %w", topic, err)
	}
	p := &progress{next: make([]int64, len(listed[topic])), end: make([]int64, len(listed[topic]))}
	listed.Each(func(o kadm.ListedOffset) { p.end[o.Partition] = o.Offset })
	return p, nil
}
