package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// counts remembers how many partitions topics have, for functions that choose one.
type counts struct {
	mu    sync.Mutex
	known map[string]count
}

type count struct {
	partitions int32
	asked      time.Time
}

// partitions returns how many partitions topic has. Ones that are added are seen within
// sinkMetadataAge, as soon as the client's own partitioners see them.
func (s *Sink) partitions(ctx context.Context, topic string) (int32, error) {
	now := s.env.Now()
	s.counts.mu.Lock()
	c, ok := s.counts.known[topic]
	s.counts.mu.Unlock()
	if ok && now.Sub(c.asked) < sinkMetadataAge {
		return c.partitions, nil
	}
	if err := s.needTopic(ctx, topic); err != nil {
		return 0, err
	}
	topics, err := s.admin.ListTopics(ctx, topic)
	if err == nil {
		err = topics[topic].Err
	}
	if err != nil {
		return 0, classify(fmt.Errorf("counting the partitions of topic %s: %w", topic, err))
	}
	c = count{int32(len(topics[topic].Partitions)), now}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	if s.counts.known == nil {
		s.counts.known = map[string]count{}
	}
	s.counts.known[topic] = c
	return c.partitions, nil
}

// Partitions implements connectors.PartitionCounter. A record without a topic has one place to go,
// from which Write refuses it.
func (w *writer) Partitions(ctx context.Context, target string) (int32, error) {
	if target == "" {
		target = w.sink.config.Topic
	}
	if target == "" {
		return 1, nil
	}
	return w.sink.partitions(ctx, target)
}

// HasPartitions implements connectors.Partitioned.
func (c *SinkConfig) HasPartitions() bool { return true }

var (
	_ connectors.PartitionCounter = (*writer)(nil)
	_ connectors.Partitioned      = (*SinkConfig)(nil)
	_ connectors.Embeddable       = (*SinkConfig)(nil)
	_ connectors.Embeddable       = (*SourceConfig)(nil)
)
