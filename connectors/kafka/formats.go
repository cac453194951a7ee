package kafka

import "github.com/wasmflow/wasmflow/connectors"

// Place returns the partition that a split is (Q1), for formats that show it.
func (c *SourceConfig) Place(split string) (topic string, partition int32, ok bool) {
	return parseSplitID(split)
}

// DefaultTopic returns the topic of records that name none, for formats that name subjects.
func (c *SinkConfig) DefaultTopic() string { return c.Topic }

var (
	_ connectors.Placer     = (*SourceConfig)(nil)
	_ connectors.TopicNamer = (*SinkConfig)(nil)
)
