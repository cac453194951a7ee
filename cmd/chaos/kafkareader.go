package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
	"github.com/wasmflow/wasmflow/connectors/connectortest/servers"
)

const (
	// checkMax bounds reading the output when the job is done.
	checkMax = 5 * time.Minute
	// lookEvery is the pause between two looks at how far brokers and readers are.
	lookEvery = 50 * time.Millisecond
)

// reader reads the output as other programs do: what is committed, while it is written.
type reader struct {
	client *kgo.Client
	admin  *servers.Kafka
	stop   context.CancelFunc
	done   chan struct{}
	count  atomic.Int64

	mu struct {
		sync.Mutex
		records sequence.Checker
		next    map[string]map[int32]int64 // offsets that were read to, control records included
	}
}

// newReader begins to read all outputs from their beginnings, at an isolation. It ends with close.
func newReader(
	ctx context.Context, cluster *servers.Kafka, records int, isolation kgo.IsolationLevel,
) (*reader, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Direct()...), kgo.DisableClientMetrics(),
		kgo.ConsumeTopics(topicOut, topicSide, topicDead),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(isolation), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(lookEvery))
	if err != nil {
		return nil, fmt.Errorf("opening a client for the output: %w", err)
	}
	r := &reader{client: client, admin: cluster, done: make(chan struct{})}
	r.mu.next = map[string]map[int32]int64{topicOut: {}, topicSide: {}, topicDead: {}}
	for p := range partitions {
		r.mu.records.Expect(strconv.Itoa(p), records)
	}
	ctx, r.stop = context.WithCancel(ctx)
	go func() { // ends with close
		defer close(r.done)
		r.run(ctx)
	}()
	return r, nil
}

func (r *reader) run(ctx context.Context) {
	for {
		fetches := r.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		// Errors are those of brokers that die, which is what they are here for.
		r.mu.Lock()
		fetches.EachRecord(r.see)
		r.mu.Unlock()
	}
}

// see takes a record. The lock is held.
func (r *reader) see(k *kgo.Record) {
	r.mu.next[k.Topic][k.Partition] = k.Offset + 1
	if k.Attrs.IsControl() {
		return
	}
	r.count.Add(1)
	stream := k.Topic + "-" + strconv.Itoa(int(k.Partition))
	p, n, ok := identify(k.Value)
	if !ok || kind(n) != k.Topic {
		r.mu.records.Strange(stream, string(k.Value))
		return
	}
	r.mu.records.See(stream, p, n)
}

// err returns what is wrong with what was read so far.
func (r *reader) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.records.Wrong()
}

// finish reads to the ends of all partitions and judges what was read.
func (r *reader) finish(ctx context.Context) (string, error) {
	if err := r.reach(ctx); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.records.Verdict()
}

// reach reads to the ends of all partitions.
func (r *reader) reach(ctx context.Context) error {
	ends, err := r.admin.Admin().ListEndOffsets(ctx, topicOut, topicSide, topicDead)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the ends of the output: %w", err)
	}
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		left := int64(0)
		r.mu.Lock()
		for topic, parts := range ends {
			for p, end := range parts {
				left += max(end.Offset-r.mu.next[topic][p], 0)
			}
		}
		r.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("reading to the ends of the output: %d records are not shown: %w",
				left, ctx.Err())
		}
	}
}

func (r *reader) close() {
	r.stop()
	<-r.done
	r.client.Close()
}
