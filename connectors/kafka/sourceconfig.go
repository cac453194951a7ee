package kafka

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/wasmflow/wasmflow/connectors"
)

const (
	// discoverIntervalDefault is what Flink came to use, too: adding partitions is rare.
	discoverIntervalDefault = 5 * time.Minute
	// fetchPartitionBytesDefault is what a broker adds to one batch at most: ten thousand records of
	// 100 bytes are worth a round trip, and more of them would live longer than the collector likes.
	fetchPartitionBytesDefault = 1 << 20
	// fetchBytesDefault bounds what a task holds of each broker: as much again is being read.
	fetchBytesDefault = 1 << 20
	// fetchWaitDefault is how long a broker holds an empty fetch back; new records end the wait.
	fetchWaitDefault = 500 * time.Millisecond
)

// The isolation levels.
const (
	readCommitted   = "read-committed"
	readUncommitted = "read-uncommitted"
)

// What becomes of group offsets.
const (
	commitOnCheckpoint = "on-checkpoint"
	commitOff          = "off"
)

// SourceConfig is a [sources.x] table with connector = "kafka".
type SourceConfig struct {
	Connection
	Topics           []string            `toml:"topics" doc:"names of the topics; or set topic_pattern" flink:"FlinkKafkaConsumer(topics)"`
	TopicPattern     string              `toml:"topic_pattern" doc:"regular expression that the whole name of a topic must match" flink:"FlinkKafkaConsumer(subscriptionPattern)"`
	Group            string              `toml:"group" doc:"consumer group whose offsets are read at the start and committed for lag tools; empty for none. The source never joins it" flink:"group.id"`
	Start            Place               `toml:"start" form:"mode or table" doc:"where to begin, when the checkpoint knows nothing: group-offsets, earliest, latest, { timestamp = } (Unix milliseconds or a date and time), { offsets = { \"topic-0\" = 17 } } (the next record to read; group-offsets for partitions it leaves out)" flink:"setStartFromGroupOffsets(), setStartFromEarliest(), setStartFromLatest(), setStartFromTimestamp(), setStartFromSpecificOffsets()"`
	Stop             Place               `toml:"stop" form:"mode or table" doc:"where to end: never, latest (what is there at the start), { timestamp = }, { offsets = } (the first record not to read; latest for partitions it leaves out)" flink:"setBounded(), setUnbounded()"`
	Isolation        string              `toml:"isolation" doc:"read-committed shows no records of open or aborted transactions; read-uncommitted shows them all" flink:"isolation.level"`
	NoGroupOffset    string              `toml:"no_group_offset" doc:"where group-offsets begins in a partition that the group has no offset for: earliest, latest or fail" flink:"auto.offset.reset"`
	OutOfRange       string              `toml:"out_of_range" doc:"what to do when the next offset is no longer in the log: fail, or go on at the earliest or latest record, which loses or repeats records" flink:"auto.offset.reset"`
	DiscoverInterval connectors.Duration `toml:"discover_interval" doc:"how often to look for new topics and partitions; 0s never does" flink:"flink.partition-discovery.interval-millis"`
	NewPartitions    string              `toml:"new_partitions" doc:"where to begin in a partition that is found later: earliest or latest"`
	UnmatchedTopics  string              `toml:"unmatched_topics" doc:"what becomes of a topic in the checkpoint that topics or topic_pattern no longer names: fail, keep reading it, or drop it" flink:"disableFilterRestoredPartitionsWithSubscribedTopics()"`
	CommitOffsets    string              `toml:"commit_offsets" doc:"on-checkpoint commits the offsets of the group after every epoch, for lag tools; off does not" flink:"setCommitOffsetsOnCheckpoints()"`
	Copartition      bool                `toml:"copartition" doc:"gives partition p of every topic to task p modulo the number of tasks, for topics that are read together"`
	FetchBytes       connectors.Size     `toml:"fetch_bytes_max" doc:"how much one fetch from a broker brings, for each task" flink:"fetch.max.bytes"`
	FetchPartition   connectors.Size     `toml:"fetch_partition_bytes_max" doc:"how much of one partition a fetch brings; a larger batch comes whole" flink:"max.partition.fetch.bytes"`
	FetchWait        connectors.Duration `toml:"fetch_wait_max" doc:"how long a broker may wait for records before it answers with none" flink:"fetch.max.wait.ms"`
}

func newSourceConfig() *SourceConfig {
	return &SourceConfig{
		Start: Place{Mode: modeGroupOffsets}, Stop: Place{Mode: modeNever},
		Isolation: readCommitted, NoGroupOffset: modeLatest, OutOfRange: modeFail,
		DiscoverInterval: connectors.Duration(discoverIntervalDefault),
		NewPartitions:    modeEarliest, UnmatchedTopics: modeFail, CommitOffsets: commitOnCheckpoint,
		FetchBytes: fetchBytesDefault, FetchPartition: fetchPartitionBytesDefault,
		FetchWait: connectors.Duration(fetchWaitDefault),
	}
}

// Validate reports what is wrong with c.
func (c *SourceConfig) Validate(p *connectors.Problems) {
	c.validate(p, sourceSide)
	c.validateTopics(p)
	c.validatePlaces(p)
	p.OneOf("isolation", c.Isolation, readCommitted, readUncommitted)
	p.OneOf("no_group_offset", c.NoGroupOffset, modeEarliest, modeLatest, modeFail)
	p.OneOf("out_of_range", c.OutOfRange, modeFail, modeEarliest, modeLatest)
	p.OneOf("new_partitions", c.NewPartitions, modeEarliest, modeLatest)
	p.OneOf("unmatched_topics", c.UnmatchedTopics, modeFail, modeKeep, modeDrop)
	p.OneOf("commit_offsets", c.CommitOffsets, commitOnCheckpoint, commitOff)
	validateSize(p, "fetch_bytes_max", c.FetchBytes)
	validateSize(p, "fetch_partition_bytes_max", c.FetchPartition)
	if c.FetchWait.D() < time.Millisecond {
		p.Addf("fetch_wait_max", "%v is below 1ms", c.FetchWait)
	}
}

func (c *SourceConfig) validateTopics(p *connectors.Problems) {
	switch {
	case len(c.Topics) == 0 && c.TopicPattern == "":
		p.Addf("topics", "required; name the topics to read, or set topic_pattern")
	case len(c.Topics) > 0 && c.TopicPattern != "":
		p.Addf("topic_pattern", "not allowed with topics; leave one out")
	}
	for i, t := range c.Topics {
		if t == "" || slices.Contains(c.Topics[:i], t) {
			p.Addf("topics", "%q is empty or stands twice; name every topic once", t)
		}
	}
	if _, err := regexp.Compile(c.TopicPattern); err != nil {
		p.Addf("topic_pattern", "%v", err)
	}
}

func (c *SourceConfig) validatePlaces(p *connectors.Problems) {
	p.OneOf("start", c.Start.Mode,
		modeGroupOffsets, modeEarliest, modeLatest, modeTimestamp, modeOffsets)
	p.OneOf("stop", c.Stop.Mode, modeNever, modeLatest, modeTimestamp, modeOffsets)
	if c.Start.Mode == modeGroupOffsets && c.Group == "" {
		p.Addf("group", "required with start = \"group-offsets\"; name a group, or set start to "+
			"earliest, latest, a timestamp or offsets")
	}
	for _, x := range []struct {
		key   string
		place Place
	}{{"start", c.Start}, {"stop", c.Stop}} {
		if x.place.Timestamp < 0 {
			p.Addf(x.key, "timestamp %d is before 1970", x.place.Timestamp)
		}
	}
}

// Guarantee returns exactly-once: positions are offsets.
func (c *SourceConfig) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// Open connects and checks that the topics are there.
func (c *SourceConfig) Open(ctx context.Context, env connectors.Env) (connectors.Source, error) {
	now := env.Now().UnixMilli()
	if c.Start.Mode == modeTimestamp && c.Start.Timestamp > now {
		return nil, connectors.Permanent(fmt.Errorf("start: timestamp %s is in the future; "+
			"use \"latest\"", time.UnixMilli(c.Start.Timestamp).UTC().Format(time.RFC3339)))
	}
	return c.openSource(ctx, env)
}

func (c *SourceConfig) openSource(ctx context.Context, env connectors.Env) (*Source, error) {
	metrics, err := newSourceMetrics(env.Registerer)
	if err != nil {
		return nil, err
	}
	client, err := c.openAsking(ctx, env, sourceSide, "enumerator")
	if err != nil {
		return nil, err
	}
	s := &Source{config: c, env: env, client: client, admin: kadm.NewClient(client), metrics: metrics}
	if c.TopicPattern != "" {
		s.pattern = regexp.MustCompile(`\A(?:` + c.TopicPattern + `)\z`)
	}
	return s, nil
}

// CheckConnect asks the cluster for the topics.
func (c *SourceConfig) CheckConnect(ctx context.Context, env connectors.Env) error {
	env.Registerer = nil
	opened, err := c.Open(ctx, env)
	if err != nil {
		return err
	}
	s := opened.(*Source)
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	found, err := s.topics(ctx, newSeen())
	if err == nil {
		err = s.readable(found)
	}
	return joinClose(asked(c.Brokers, err), s)
}

var (
	_ connectors.SourceConfig = (*SourceConfig)(nil)
	_ connectors.Checker      = (*SourceConfig)(nil)
)
