package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// counts remembers how many partitions topics have, as far as the sink has asked.
type counts struct {
	mu    sync.Mutex
	known map[string]count
}

type count struct {
	partitions int32
	asked      time.Time
}

// partitions returns how many partitions topic has, after creating it if it may. Ones that are
// added are seen within sinkMetadataAge, as soon as the client's own partitioners see them.
func (s *Sink) partitions(ctx context.Context, topic string) (int32, error) {
	now := s.env.Now()
	s.counts.mu.Lock()
	c, ok := s.counts.known[topic]
	s.counts.mu.Unlock()
	if ok && now.Sub(c.asked) < sinkMetadataAge {
		return c.partitions, nil
	}
	n, err := s.needTopic(ctx, topic)
	if err != nil {
		return 0, err
	}
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	if s.counts.known == nil {
		s.counts.known = map[string]count{}
	}
	s.counts.known[topic] = count{n, now}
	return n, nil
}

// clientCounts are how many partitions topics have as far as a producing client knows: a function
// that places records is told no more than that client will take.
type clientCounts struct {
	mu struct {
		sync.Mutex
		byTopic map[string]*atomic.Int32
		fresh   []string // topics that a first record was placed in; see settled
	}
}

func newClientCounts() *clientCounts {
	c := &clientCounts{}
	c.mu.byTopic = map[string]*atomic.Int32{}
	return c
}

// of returns the count of topic, which is 0 as long as the client has placed no record there.
func (c *clientCounts) of(topic string) *atomic.Int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.mu.byTopic[topic]
	if n == nil {
		n = new(atomic.Int32)
		c.mu.byTopic[topic] = n
	}
	return n
}

// placing notes that the client is about to place its first record in topic.
func (c *clientCounts) placing(topic string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.fresh = append(c.mu.fresh, topic)
}

// settled waits until client shows the partitions of every topic that it has written to. It ends a
// transaction by what it shows, and may have sent the first records of a topic before it shows its
// partitions: ending one then would leave them out, commit nothing, and number what follows wrong.
//
// It comes after a flush, so what is waited for is a few instructions of another goroutine.
func (c *clientCounts) settled(ctx context.Context, client *kgo.Client) error {
	c.mu.Lock()
	fresh := c.mu.fresh
	c.mu.fresh = nil
	c.mu.Unlock()
	for _, topic := range fresh {
		for {
			leader, _, err := client.PartitionLeader(topic, 0)
			if leader >= 0 || err != nil {
				break
			}
			if err := pause(ctx, time.Millisecond); err != nil {
				return fmt.Errorf("waiting for the partitions of topic %s: %w", topic, err)
			}
		}
	}
	return nil
}
