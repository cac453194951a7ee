package kafka

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// transactionPrefixDefault begins transactional ids and the name of the commits topic.
	transactionPrefixDefault = "wasmflow"
	// transactionTimeoutDefault is that of Java's client: long enough for a broker to elect
	// leaders in the middle of an epoch, short enough for readers to wait for one that died.
	transactionTimeoutDefault = time.Minute
	// transactionTimeoutMin leaves the broker time to answer before half of it is over.
	transactionTimeoutMin = time.Second
	// transactionTimeoutMax is what the protocol counts in 32 bits of milliseconds.
	transactionTimeoutMax = 24 * 24 * time.Hour
	// commitBytesDefault takes the manifest of some ten thousand splits.
	commitBytesDefault = 8 << 20
	// commitsReplicas is how many replicas the commits topic gets where there are as many brokers.
	commitsReplicas = 3
	// topicNameMax is the longest name that brokers take.
	topicNameMax = 249
)

// Transactions are the settings of a sink whose semantic is exactly-once.
type Transactions struct {
	Prefix  string              `toml:"transactional_id_prefix" doc:"the job's transactional ids are this, a dot, the job's name, a dot and a number. Two jobs of one name and prefix in a cluster stop each other" flink:"KafkaSinkBuilder.setTransactionalIdPrefix"`
	Timeout connectors.Duration `toml:"transaction_timeout" doc:"after this long the broker ends the transaction of a job that died, and readers go on. Half of it is the longest that an epoch may take. The broker's transaction.max.timeout.ms has to allow it" flink:"transaction.timeout.ms"`
	Commits Commits             `toml:"commits" doc:"the topic in which the job keeps its place"`
}

// Commits is the table commits.
type Commits struct {
	Topic       string            `toml:"topic" doc:"its name; transactional_id_prefix, the job's name and commits, with dots between, without it"`
	Partitions  int32             `toml:"partitions" doc:"number of partitions it is created with"`
	Replication int16             `toml:"replication" doc:"number of replicas it is created with; 0 is 3, or as many as there are brokers"`
	RecordBytes connectors.Size   `toml:"record_bytes_max" doc:"largest record, which holds the positions of all splits of the job"`
	Configs     map[string]string `toml:"configs" doc:"further settings it is created with"`
}

func newTransactions() Transactions {
	return Transactions{
		Prefix: transactionPrefixDefault, Timeout: connectors.Duration(transactionTimeoutDefault),
		Commits: Commits{Partitions: 1, RecordBytes: commitBytesDefault},
	}
}

func (t *Transactions) validate(p *connectors.Problems) {
	if !isTopicName(t.Prefix) {
		p.Addf("transactional_id_prefix", "%q may have letters, digits, dots, dashes and "+
			"underscores only, and must have one of them", t.Prefix)
	}
	if d := t.Timeout.D(); d < transactionTimeoutMin || d > transactionTimeoutMax {
		p.Addf("transaction_timeout", "%v is not between %v and %v", d, transactionTimeoutMin,
			transactionTimeoutMax)
	}
	if c := &t.Commits; c.Topic != "" && !isTopicName(c.Topic) {
		p.Addf("commits.topic", "%q is no name of a topic", c.Topic)
	}
	if t.Commits.Partitions < 1 {
		p.Addf("commits.partitions", "%d is below 1", t.Commits.Partitions)
	}
	if t.Commits.Replication < 0 {
		p.Addf("commits.replication", "%d is below 0", t.Commits.Replication)
	}
	validateSize(p, "commits.record_bytes_max", t.Commits.RecordBytes)
}

// transactionalID returns the id of a commit group's transactions.
func (t *Transactions) transactionalID(job string, group int) string {
	return t.Prefix + "." + job + "." + strconv.Itoa(group)
}

// commitsTopic returns the name of the job's commits topic.
func (t *Transactions) commitsTopic(job string) string {
	if t.Commits.Topic != "" {
		return t.Commits.Topic
	}
	return t.Prefix + "." + job + ".commits"
}

// CheckInterval returns an error, which blames transaction_timeout, when epochs that far apart
// cannot be decided before half the time of a transaction is over.
func (c *SinkConfig) CheckInterval(interval time.Duration) error {
	if half := c.Timeout.D() / 2; interval >= half {
		return connectors.AtKey("transaction_timeout", fmt.Errorf("[checkpoint] interval is %v, and "+
			"a transaction that is open for half of transaction_timeout (%v) is given up; raise "+
			"transaction_timeout above %v, or lower the interval", interval, half, 2*interval))
	}
	return nil
}

func isTopicName(s string) bool {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("._-", r)
	}
	return s != "" && s != "." && s != ".." && len(s) <= topicNameMax &&
		!strings.ContainsFunc(s, func(r rune) bool { return !legal(r) })
}

// TakeMode makes the job's guarantee the semantic of a sink that names none.
func (c *SinkConfig) TakeMode(mode connectors.Guarantee) {
	if c.Semantic != "" {
		return
	}
	c.Semantic = semanticAtLeastOnce
	if mode == connectors.ExactlyOnce {
		c.Semantic = semanticExactlyOnce
	}
}

// Transactional reports whether c writes in transactions.
func (c *SinkConfig) Transactional() bool { return c.Semantic == semanticExactlyOnce }

// SameSystem reports whether other writes to the same cluster: one broker in common tells, since
// the brokers of a job file are only where looking for the others begins.
func (c *SinkConfig) SameSystem(other connectors.SinkConfig) bool {
	o, ok := other.(*SinkConfig)
	return ok && slices.ContainsFunc(c.Brokers, func(b string) bool {
		return slices.Contains(o.Brokers, b)
	})
}

// Differences names the keys in which other disagrees with c, although one client is to write for
// both. Keys of the transactions themselves are those of the log's sink, and are not compared.
func (c *SinkConfig) Differences(other connectors.SinkConfig) []string {
	o, ok := other.(*SinkConfig)
	if !ok {
		return []string{"connector"}
	}
	return Compatible(c, o)
}

// Compatible names the keys in which two sinks disagree that are to share one client; none when
// they can.
func Compatible(a, b *SinkConfig) []string {
	var keys []string
	for _, k := range []struct {
		name string
		a, b any
	}{
		{"acks", a.Acks, b.Acks},
		{"batch_bytes_max", a.BatchBytes, b.BatchBytes},
		{"compression", a.Compression, b.Compression},
		{"delivery_timeout", a.DeliveryTimeout, b.DeliveryTimeout},
		{"linger", a.Linger, b.Linger},
		{"sasl", a.SASL, b.SASL},
		{"tls", a.TLS, b.TLS},
	} {
		if !reflect.DeepEqual(k.a, k.b) {
			keys = append(keys, k.name)
		}
	}
	if !maps.Equal(a.Properties, b.Properties) {
		keys = append(keys, "properties")
	}
	slices.Sort(keys)
	return keys
}

var (
	_ connectors.ModeTaker    = (*SinkConfig)(nil)
	_ connectors.LogJoiner    = (*SinkConfig)(nil)
	_ connectors.Partitioned  = (*SinkConfig)(nil)
	_ connectors.HeaderKeeper = (*SinkConfig)(nil)
)

// KeepsHeaders reports that headers are written.
func (c *SinkConfig) KeepsHeaders() bool { return true }

// HasPartitions reports that records go to partitions.
func (c *SinkConfig) HasPartitions() bool { return true }

// StandsAlone reports that output in another cluster than the log's is exactly-once too, as long as
// no outage is longer than transaction_timeout.
func (c *SinkConfig) StandsAlone() bool { return c.Transactional() }
