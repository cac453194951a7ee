package kafka

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// One client writes for sinks that choose partitions in different ways. So every record carries its
// way in the field for its partition, as a number below zero, until a partition is chosen.
const (
	wayKey        int32 = -1 // connectors.NoPartition
	waySticky     int32 = -2
	wayRoundRobin int32 = -3
	wayTask       int32 = -4 // and below: of task 0, 1, ...
)

// wayOf returns the way that a sink's partition_by asks of the records of a task.
func wayOf(by string, task int) int32 {
	switch by {
	case bySticky:
		return waySticky
	case byRoundRobin:
		return wayRoundRobin
	case byTask:
		return wayTask - int32(task)
	default:
		return wayKey
	}
}

// partitioner sends a record to the partition that a function chose for it, and every other one
// where its way says. Each way sees partitions that are added.
type partitioner struct{ counts *clientCounts }

// ForTopic returns the partitioner of one topic.
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	p.counts.placing(topic)
	return &topicPartitioner{
		count: p.counts.of(topic),
		// The client's hasher for keys is Java's murmur2; records without a key stick.
		key:        kgo.StickyKeyPartitioner(nil).ForTopic(topic),
		sticky:     kgo.StickyPartitioner().ForTopic(topic),
		roundRobin: kgo.RoundRobinPartitioner().ForTopic(topic),
	}
}

// topicPartitioner chooses partitions of one topic. The client asks it for one record at a time.
type topicPartitioner struct {
	count                   *atomic.Int32
	key, sticky, roundRobin kgo.TopicPartitioner
}

// others returns what chooses for r when no partition and no task is given.
func (p *topicPartitioner) others(r *kgo.Record) kgo.TopicPartitioner {
	switch r.Partition {
	case waySticky:
		return p.sticky
	case wayRoundRobin:
		return p.roundRobin
	default:
		return p.key
	}
}

// RequiresConsistency reports whether the record must wait for its partition to come back.
func (p *topicPartitioner) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || r.Partition <= wayTask || p.others(r).RequiresConsistency(r)
}

// Partition returns the partition of r. The client refuses one that does not exist.
func (p *topicPartitioner) Partition(r *kgo.Record, n int) int {
	switch {
	case r.Partition >= 0:
		// n counts all partitions here, and not those alone that can be written to.
		if int(p.count.Load()) != n {
			p.count.Store(int32(n))
		}
		return int(r.Partition)
	case r.Partition <= wayTask:
		return int(wayTask-r.Partition) % n
	default:
		return p.others(r).Partition(r, n)
	}
}

// OnNewBatch makes the ways that stick to a partition choose another one.
func (p *topicPartitioner) OnNewBatch() {
	for _, o := range [...]kgo.TopicPartitioner{p.key, p.sticky} {
		if b, ok := o.(kgo.TopicPartitionerOnNewBatch); ok {
			b.OnNewBatch()
		}
	}
}

var (
	_ kgo.Partitioner                = partitioner{}
	_ kgo.TopicPartitionerOnNewBatch = (*topicPartitioner)(nil)
)
