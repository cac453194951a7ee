package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// createdPoll is how soon a topic that was created is looked for again.
const createdPoll = 2 * askMetadataAge

// Sink is the opened sink. Its own client looks at topics; every writer has another, so that the
// flush of one task never waits for the records of another.
type Sink struct {
	config  *SinkConfig
	env     connectors.Env
	client  *kgo.Client
	admin   *kadm.Client
	metrics *clientMetrics
	counts  counts
}

// OpenWriter opens the writer of one task. With exactly-once it joins the transaction of the log,
// or prepares transactions of its own where the epochs are decided elsewhere.
func (s *Sink) OpenWriter(
	ctx context.Context, wc connectors.WriterContext,
) (connectors.SinkWriter, error) {
	if s.config.Transactional() {
		if tx, ok := wc.Tx.(joinable); ok {
			return tx.join(s, wc)
		}
		return newPreparer(s, wc), nil
	}
	opts, err := s.config.options(ctx, s.env, sinkSide, strconv.Itoa(wc.Task))
	if err != nil {
		return nil, err
	}
	counts := newClientCounts()
	opts = append(s.config.producerOptions(counts), opts...)
	opts = append(opts,
		kgo.MaxBufferedBytes(int(s.config.BufferBytes)),
		kgo.MaxBufferedRecords(bufferRecordsMax),
		kgo.RequiredAcks(acksOf(s.config.Acks)),
		kgo.WithHooks(s.metrics))
	if !s.config.Idempotence {
		// Re-ordering is what idempotence would prevent; one request at a time does, too.
		opts = append(opts, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("opening a Kafka client: %w", err)
	}
	w := &writer{outgoing: newOutgoing(s, wc, counts), client: client}
	w.slabs.failed = w.failed
	return w, nil
}

// producerOptions returns the options of every client that produces. The properties of the job
// file come after them.
func (c *SinkConfig) producerOptions(counts *clientCounts) []kgo.Opt {
	codec, _ := codecOf(c.Compression)
	return []kgo.Opt{
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(c.Linger.D()),
		kgo.ProducerBatchMaxBytes(int32(c.BatchBytes)),
		kgo.RecordPartitioner(partitioner{counts}),
		kgo.MetadataMaxAge(sinkMetadataAge),
		kgo.MetadataMinAge(produceMetadataAge),
		retryHangUps(),
	}
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

// needTopic returns how many partitions topic has, after creating it if it may.
func (s *Sink) needTopic(ctx context.Context, topic string) (int32, error) {
	n, err := s.partitionsOf(ctx, topic)
	if err == nil && n == 0 {
		if s.config.CreateTopic == nil {
			return 0, s.config.missingTopic(topic)
		}
		if err := s.createTopic(ctx, topic); err != nil {
			return 0, err
		}
		err = soon(ctx, "topic "+topic, func() (bool, error) {
			n, err = s.partitionsOf(ctx, topic)
			return n > 0, err
		})
	}
	return n, err
}

// soon waits until something that was created is there: the broker that answers is not always the
// one that created it.
func soon(ctx context.Context, what string, there func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	again := time.NewTicker(createdPoll)
	defer again.Stop()
	for {
		if ok, err := there(); ok || err != nil {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return connectors.Retryable(fmt.Errorf("%s was created and is not seen: %w", what, ctx.Err()))
		}
	}
}

// missingTopic says that nothing was found to write to. A restart does not make it.
func (c *SinkConfig) missingTopic(topic string) error {
	key := "topic"
	if topic != c.Topic { // a record chose it
		key = "create_topic"
	}
	return connectors.Permanent(connectors.AtKey(key, fmt.Errorf(
		"writing to topic %s: %w; create it, or set create_topic", topic, ErrNoTopic)))
}

// partitionsOf returns how many partitions topic has; 0 says that there is no such topic.
func (s *Sink) partitionsOf(ctx context.Context, topic string) (int32, error) {
	topics, err := s.admin.ListTopics(ctx, topic)
	if err == nil {
		err = topics[topic].Err
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return 0, nil
	}
	if err != nil {
		return 0, classify(fmt.Errorf("looking at topic %s: %w", topic, err))
	}
	return int32(len(topics[topic].Partitions)), nil
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
