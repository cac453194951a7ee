package kafka

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
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
