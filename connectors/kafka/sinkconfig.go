package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// batchBytesDefault is what a broker takes unless it is told otherwise, less the frame.
	batchBytesDefault = 1_000_012
	// bufferBytesDefault bounds what a task has written and no broker acknowledged, with what the
	// client keeps of every record: about thirty thousand records of 100 bytes, a batch for each of
	// a few partitions.
	bufferBytesDefault = 8 << 20
	// bufferRecordsMax bounds the same in records: the client keeps about 200 bytes for each.
	bufferRecordsMax = 250_000
	// lingerDefault fills batches at a few thousand records a second and is not felt.
	lingerDefault = 5 * time.Millisecond
	// lingerMax is what the client takes.
	lingerMax = time.Minute
	// deliveryTimeoutDefault is that of Java's client: longer than any election of a leader.
	deliveryTimeoutDefault = 2 * time.Minute
	// sinkMetadataAge is how soon partitions that were added get their share.
	sinkMetadataAge = time.Minute
	// produceMetadataAge is how soon a client that produces looks again for a leader that moved,
	// and for a topic that is gone. It is that of Java's client between two tries.
	produceMetadataAge = 100 * time.Millisecond
)

// The semantics of a sink.
const (
	semanticNone        = "none"
	semanticAtLeastOnce = "at-least-once"
	semanticExactlyOnce = "exactly-once"
)

// The acknowledgements to wait for.
const (
	acksAll    = "all"
	acksLeader = "leader"
	acksNone   = "none"
)

// The ways of choosing a partition.
const (
	byKey        = "key"
	bySticky     = "sticky"
	byRoundRobin = "round-robin"
	byTask       = "task"
)

// SinkConfig is a [sinks.x] table with connector = "kafka".
type SinkConfig struct {
	Connection
	Topic           string              `toml:"topic" doc:"topic of the records that name no target of their own; empty when all do" flink:"FlinkKafkaProducer(defaultTopic)"`
	Semantic        string              `toml:"semantic" doc:"exactly-once writes in the transaction that decides the epoch; at-least-once waits for every record before an epoch is decided; none does not wait. Without it, the [checkpoint] mode counts" flink:"FlinkKafkaProducer(semantic)"`
	PartitionBy     string              `toml:"partition_by" doc:"key hashes the key as Java's client does and spreads records without one; sticky fills a batch for one partition after the other; round-robin takes them in turn; task gives all records of a task to one. A record whose partition a function chose goes there" flink:"FlinkKafkaProducer(customPartitioner)"`
	CreateTopic     *CreateTopic        `toml:"create_topic" doc:"creates topics that do not exist; without it they are an error"`
	Acks            string              `toml:"acks" doc:"who has to have a record before it counts as written: all, leader or none" flink:"acks"`
	Idempotence     bool                `toml:"idempotence" doc:"keeps the client's own retries from doubling or re-ordering records; needs acks = \"all\"" flink:"enable.idempotence"`
	Compression     string              `toml:"compression" doc:"none, gzip, snappy, lz4 or zstd" flink:"compression.type"`
	Linger          connectors.Duration `toml:"linger" doc:"how long a batch may wait for more records" flink:"linger.ms"`
	BatchBytes      connectors.Size     `toml:"batch_bytes_max" doc:"largest batch; a record that does not fit is refused. Larger ones need the topic's max.message.bytes, too" flink:"max.request.size"`
	BufferBytes     connectors.Size     `toml:"buffer_bytes_max" doc:"how much each task may have written and not acknowledged before it waits; with exactly-once, what it writes while the epoch before is being decided counts too" flink:"buffer.memory"`
	DeliveryTimeout connectors.Duration `toml:"delivery_timeout" doc:"how long the end of an epoch may wait for the last acknowledgement before the attempt fails" flink:"delivery.timeout.ms"`
	Transactions
}

// CreateTopic is the table create_topic.
type CreateTopic struct {
	Partitions  int32             `toml:"partitions" doc:"number of partitions; 0 takes the broker's default"`
	Replication int16             `toml:"replication" doc:"number of replicas; 0 takes the broker's default"`
	Configs     map[string]string `toml:"configs" doc:"settings of the topic, such as { \"cleanup.policy\" = \"compact\" }"`
}

func newSinkConfig() *SinkConfig {
	return &SinkConfig{
		PartitionBy: byKey, Acks: acksAll, Idempotence: true, Compression: "none",
		Linger: connectors.Duration(lingerDefault), BatchBytes: batchBytesDefault,
		BufferBytes:     bufferBytesDefault,
		DeliveryTimeout: connectors.Duration(deliveryTimeoutDefault),
		Transactions:    newTransactions(),
	}
}

// Validate reports what is wrong with c.
func (c *SinkConfig) Validate(p *connectors.Problems) {
	c.Connection.validate(p, sinkSide)
	c.validateSemantic(p)
	p.OneOf("partition_by", c.PartitionBy, byKey, bySticky, byRoundRobin, byTask)
	p.OneOf("acks", c.Acks, acksAll, acksLeader, acksNone)
	if c.Acks != acksAll && c.Idempotence {
		p.Addf("idempotence", "needs acks = \"all\"; set it to false, or acks to \"all\"")
	}
	if c.Acks == acksNone && c.Semantic == semanticAtLeastOnce {
		p.Addf("acks", "\"none\" loses records; at-least-once needs \"all\" or \"leader\"")
	}
	if _, ok := codecOf(c.Compression); !ok {
		p.OneOf("compression", c.Compression, "none", "gzip", "snappy", "lz4", "zstd")
	}
	validateSize(p, "batch_bytes_max", c.BatchBytes)
	validateSize(p, "buffer_bytes_max", c.BufferBytes)
	if c.BufferBytes < c.BatchBytes {
		p.Addf("buffer_bytes_max", "%v is below batch_bytes_max", c.BufferBytes)
	}
	if c.Linger.D() > lingerMax {
		p.Addf("linger", "%v is above %v", c.Linger, lingerMax)
	}
	if c.DeliveryTimeout.D() < time.Second {
		p.Addf("delivery_timeout", "%v is below 1s", c.DeliveryTimeout)
	}
	if t := c.CreateTopic; t != nil && (t.Partitions < 0 || t.Replication < 0) {
		p.Addf("create_topic", "partitions and replication cannot be negative; "+
			"0 takes the broker's default")
	}
}

func (c *SinkConfig) validateSemantic(p *connectors.Problems) {
	switch c.Semantic {
	case semanticNone, semanticAtLeastOnce:
	case semanticExactlyOnce:
		c.Transactions.validate(p)
		if c.Acks != acksAll {
			p.Addf("acks", "%q loses records; exactly-once needs \"all\"", c.Acks)
		}
		if !c.Idempotence {
			p.Addf("idempotence", "exactly-once needs it; leave it out, or set semantic = "+
				"\"at-least-once\"")
		}
	default:
		p.OneOf("semantic", c.Semantic, semanticExactlyOnce, semanticAtLeastOnce, semanticNone)
	}
}

// Guarantee returns what the semantic says.
func (c *SinkConfig) Guarantee() connectors.Guarantee {
	switch c.Semantic {
	case semanticNone:
		return connectors.AtMostOnce
	case semanticExactlyOnce:
		return connectors.ExactlyOnce
	}
	return connectors.AtLeastOnce
}

// Open connects and checks the topic, or creates it.
func (c *SinkConfig) Open(ctx context.Context, env connectors.Env) (connectors.Sink, error) {
	s, err := c.open(ctx, env)
	if err != nil || c.Topic == "" {
		return s, err
	}
	if _, err := s.partitions(ctx, c.Topic); err != nil {
		return nil, joinClose(asked(c.Brokers, err), s)
	}
	return s, nil
}

func (c *SinkConfig) open(ctx context.Context, env connectors.Env) (*Sink, error) {
	metrics, err := newClientMetrics(env.Registerer, "kafka_sink", "produce")
	if err != nil {
		return nil, err
	}
	client, err := c.openAsking(ctx, env, sinkSide, "topics")
	if err != nil {
		return nil, err
	}
	s := &Sink{
		config: c, env: env, client: client, admin: kadm.NewClient(client), metrics: metrics,
	}
	return s, nil
}

// CheckConnect asks the cluster for the topic, and for what transactions need. It creates nothing.
func (c *SinkConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	s, err := c.open(ctx, env)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if c.Transactional() {
		// What is to be changed in a topic that is missing is said below.
		warnings, err := c.CheckLog(ctx, env, SessionOptions{})
		if err != nil {
			return joinClose(err, s)
		}
		for _, w := range warnings {
			env.Logger.Warn(w)
		}
	}
	if c.Topic == "" {
		_, err = s.admin.ListBrokers(ctx)
		return joinClose(asked(c.Brokers, err), s)
	}
	partitions, err := s.partitionsOf(ctx, c.Topic)
	if err == nil && partitions == 0 && c.CreateTopic == nil {
		err = c.missingTopic(c.Topic)
	}
	return joinClose(asked(c.Brokers, err), s)
}

func codecOf(name string) (kgo.CompressionCodec, bool) {
	switch name {
	case "none":
		return kgo.NoCompression(), true
	case "gzip":
		return kgo.GzipCompression(), true
	case "snappy":
		return kgo.SnappyCompression(), true
	case "lz4":
		return kgo.Lz4Compression(), true
	case "zstd":
		return kgo.ZstdCompression(), true
	}
	return kgo.NoCompression(), false
}

var (
	_ connectors.SinkConfig = (*SinkConfig)(nil)
	_ connectors.Checker    = (*SinkConfig)(nil)
	_ connectors.Embeddable = (*SinkConfig)(nil)
	_ connectors.Embeddable = (*SourceConfig)(nil)
)
