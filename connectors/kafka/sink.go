package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// Sink is the opened sink. Its own client looks at topics; every writer has another, so that the
// flush of one task never waits for the records of another.
type Sink struct {
	config *SinkConfig
	env    connectors.Env
	client *kgo.Client
	admin  *kadm.Client

	mu struct {
		sync.Mutex
		known map[string]bool // topics that are there
	}
	counts counts
}

// OpenWriter opens the writer of one task.
func (s *Sink) OpenWriter(
	ctx context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	opts, err := s.config.options(ctx, s.env, sinkSide, strconv.Itoa(wc.Task))
	if err != nil {
		return nil, err
	}
	codec, _ := codecOf(s.config.Compression)
	opts = append([]kgo.Opt{
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(s.config.Linger.D()),
		kgo.ProducerBatchMaxBytes(int32(s.config.BatchBytes)),
		kgo.MaxBufferedBytes(int(s.config.BufferBytes)),
		kgo.MaxBufferedRecords(bufferRecordsMax),
		kgo.RecordPartitioner(newPartitioner(s.config.PartitionBy, wc.Task)),
		kgo.RequiredAcks(acksOf(s.config.Acks)),
		kgo.MetadataMaxAge(sinkMetadataAge),
	}, opts...)
	if !s.config.Idempotence {
		// Re-ordering is what idempotence would prevent; one request at a time does, too.
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("opening a Kafka client: %w", err)
	}
	w := &writer{sink: s, client: client, faults: wc.Faults}
	w.slabs.failed = w.failed
	return w, nil
}

func acksOf(name string) kgo.Acks {
	switch name {
	case acksLeader:
		return kgo.LeaderAck()
	case acksNone:
		return kgo.NoAck()
	default:
		return kgo.AllISRAcks()
	}
}

// needTopic returns nil when topic is there, after creating it if it may.
func (s *Sink) needTopic(ctx context.Context, topic string) error {
	s.mu.Lock()
	known := s.mu.known[topic]
	s.mu.Unlock()
	if known {
		return nil
	}
	there, err := s.hasTopic(ctx, topic)
	if err != nil {
		return err
	}
	if !there {
		if s.config.CreateTopic == nil {
			return missingTopic(topic)
		}
		if err := s.createTopic(ctx, topic); err != nil {
			return err
		}
	}
	s.mu.Lock()
	s.mu.known[topic] = true
	s.mu.Unlock()
	return nil
}

func missingTopic(topic string) error {
	return fmt.Errorf("writing to topic %s: %w; create it, or set create_topic", topic, ErrNoTopic)
}

func (s *Sink) hasTopic(ctx context.Context, topic string) (bool, error) {
	topics, err := s.admin.ListTopics(ctx, topic)
	if err == nil {
		err = topics[topic].Err
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return false, nil
	}
	if err != nil {
		return false, classify(fmt.Errorf("looking at topic %s: %w", topic, err))
	}
	return true, nil
}

// createTopic creates topic. Another task may be doing the same.
func (s *Sink) createTopic(ctx context.Context, topic string) error {
	c := s.config.CreateTopic
	configs := make(map[string]*string, len(c.Configs))
	for k, v := range c.Configs {
		configs[k] = &v
	}
	partitions, replication := c.Partitions, c.Replication
	if partitions == 0 {
		partitions = -1
	}
	if replication == 0 {
		replication = -1
	}
	_, err := s.admin.CreateTopic(ctx, partitions, replication, configs, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return classify(fmt.Errorf("creating topic %s: %w", topic, err))
	}
	return nil
}

// Close closes the client.
func (s *Sink) Close() error {
	s.client.Close()
	return nil
}

var _ connectors.Sink = (*Sink)(nil)
