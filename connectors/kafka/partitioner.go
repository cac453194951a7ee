package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/wasmflow/wasmflow/connectors"
)

// partitioner sends a record to the partition that a function chose for it, and every other one
// where the configured way says. Each way sees partitions that are added.
type partitioner struct{ others kgo.Partitioner }

func newPartitioner(by string, task int) kgo.Partitioner {
	switch by {
	case bySticky:
		return partitioner{kgo.StickyPartitioner()}
	case byRoundRobin:
		return partitioner{kgo.RoundRobinPartitioner()}
	case byTask:
		return partitioner{kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(_ *kgo.Record, n int) int { return task % n }
		})}
	default:
		// The client's hasher for keys is Java's murmur2; records without a key stick.
		return partitioner{kgo.StickyKeyPartitioner(nil)}
	}
}

// ForTopic returns the partitioner of one topic.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	others := p.others.ForTopic(topic)
	t := topicPartitioner{others}
	if b, ok := others.(kgo.TopicPartitionerOnNewBatch); ok {
		return batchPartitioner{t, b}
	}
	return t
}

type topicPartitioner struct{ others kgo.TopicPartitioner }

// RequiresConsistency reports whether the record must wait for its partition to come back.
func (p topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition != connectors.NoPartition || p.others.RequiresConsistency(r)
}

// Partition returns the partition of r. The client refuses one that does not exist.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Partition != connectors.NoPartition {
		return int(r.Partition)
	}
	return p.others.Partition(r, n)
}

// batchPartitioner is one that wants to know when a batch is full.
type batchPartitioner struct {
	topicPartitioner
	kgo.TopicPartitionerOnNewBatch
}

var _ kgo.Partitioner = partitioner{}
