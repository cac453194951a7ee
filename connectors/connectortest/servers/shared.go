package servers

import (
	"context"
	"sync"
)

// Shared is a cluster that all tests of a package use. The first one that asks starts it, and
// TestMain closes it. The zero value of everything but Options is ready to use.
type Shared struct {
	Options KafkaOptions

	once  sync.Once
	kafka *Kafka
	err   error
}

// Kafka returns the cluster.
func (s *Shared) Kafka(ctx context.Context) (*Kafka, error) {
	s.once.Do(func() { s.kafka, s.err = StartKafka(ctx, s.Options) })
	return s.kafka, s.err
}

// Close ends the cluster, if there is one.
func (s *Shared) Close() error {
	if s.kafka == nil {
		return nil
	}
	return s.kafka.Close()
}
