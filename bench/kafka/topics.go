package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 4
	keyBytes   = 8
	valueBytes = 100
	inTopic    = "bench-in"
	outTopic   = "bench-out"
	// commitsTopic is that of the tuned loop.
	commitsTopic = "bench-commits"
	// readTimeout bounds every wait for the broker.
	readTimeout = 5 * time.Minute
)

// cluster is the bench's own connection, beside those of the contenders.
type cluster struct {
	brokers string
	client  *kgo.Client
	admin   *kadm.Client
}

func connect(brokers string) (*cluster, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ProducerBatchMaxBytes(1_000_012),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(100_000),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return nil, fmt.Errorf("opening a client: %w", err)
	}
	return &cluster{brokers: brokers, client: client, admin: kadm.NewClient(client)}, nil
}

func (c *cluster) close() { c.client.Close() }

// renew makes topic anew and empty. A broker deletes in the background, so a name that was just
// given up may be taken for a moment.
func (c *cluster) renew(ctx context.Context, topic string, count int32) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if _, err := c.admin.DeleteTopic(ctx, topic); err != nil &&
		!errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("deleting topic %s: %w", topic, err)
	}
	for {
		_, err := c.admin.CreateTopic(ctx, count, 1, nil, topic)
		if !errors.Is(err, kerr.TopicAlreadyExists) {
			if err != nil {
				return fmt.Errorf("creating topic %s: %w", topic, err)
			}
			break
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	if err := c.settle(ctx, topic, count); err != nil {
		return err
	}
	// The client remembers the topic that had the name before.
	c.client.PurgeTopicsFromClient(topic)
	return nil
}

// settle waits until every partition of topic has a leader.
func (c *cluster) settle(ctx context.Context, topic string, count int32) error {
	for {
		listed, err := c.admin.ListEndOffsets(ctx, topic)
		if err == nil && listed.Error() == nil && len(listed[topic]) == int(count) {
			return nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for topic %s: %w", topic, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fill writes count records of lower-case letters. The key is the record's number.
func (c *cluster) fill(ctx context.Context, topic string, count int) error {
	var failed produceError
	for i := range count {
		key := binary.BigEndian.AppendUint64(make([]byte, 0, keyBytes), uint64(i))
		value := bytes.Repeat([]byte{'a' + byte(i%26)}, valueBytes)
		c.client.Produce(ctx, &kgo.Record{
			Topic: topic, Partition: int32(i % partitions), Key: key, Value: value,
		}, failed.promise)
	}
	if err := c.client.Flush(ctx); err != nil {
		return fmt.Errorf("filling %s: %w", topic, err)
	}
	return failed.err()
}

// check reads topic whole and returns an error unless it holds count records that are committed,
// in capitals if they should be (B3).
func (c *cluster) check(ctx context.Context, topic string, count int, upper bool) error {
	ends, err := endOffsets(ctx, c.brokers, topic)
	if err != nil {
		return err
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(c.brokers), kgo.DisableClientMetrics(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: ends.starts()}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxPartitionBytes(4<<20),
		kgo.KeepControlRecords())
	if err != nil {
		return fmt.Errorf("opening a reader: %w", err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	n, sum, wrong := 0, uint64(0), 0
	for !ends.reached() {
		fetches := reader.PollFetches(ctx)
		if err := errors.Join(fetchError(fetches), ctx.Err()); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			ends.passed(r)
			if r.Attrs.IsControl() {
				return
			}
			n++
			sum += binary.BigEndian.Uint64(r.Key)
			if isUpper := r.Value[0] <= 'Z'; len(r.Value) != valueBytes || isUpper != upper {
				wrong++
			}
		})
	}
	want := uint64(count) * uint64(count-1) / 2
	if n != count || sum != want || wrong > 0 {
		return fmt.Errorf("%s holds %d records with a sum of keys of %d, %d of them not as they "+
			"should be; want %d records, sum %d", topic, n, sum, wrong, count, want)
	}
	return nil
}
