package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// Shared is a cluster that all tests of a package use. The first one that asks starts it, and
// TestMain closes it. A value with nothing but Options and Secure set is ready to use.
type Shared struct {
	Options KafkaOptions
	// Secure gives the cluster all kinds of Security, Kerberos included.
	Secure bool

	once  sync.Once
	kafka *Kafka
	err   error
	dir   string // keys
}

// Kafka returns the cluster.
func (s *Shared) Kafka(ctx context.Context) (*Kafka, error) {
	s.once.Do(func() { s.kafka, s.err = s.start(ctx) })
	return s.kafka, s.err
}

func (s *Shared) start(ctx context.Context) (*Kafka, error) {
	if s.Secure {
		var err error
		if s.dir, err = os.MkdirTemp("", "wasmflow-keys-"); err != nil {
			return nil, fmt.Errorf("making a folder for keys: %w", err)
		}
		if s.Options.Security, err = NewSecurity(s.dir); err != nil {
			return nil, err
		}
		if s.Options.Security.Kerberos, err = StartKDC(ctx); err != nil {
			return nil, err
		}
	}
	return StartKafka(ctx, s.Options)
}

// Security returns what the cluster checks. It is nil without Secure, and before Kafka.
func (s *Shared) Security() *Security { return s.Options.Security }

// Close ends the cluster, if there is one.
func (s *Shared) Close() error {
	var errs []error
	if s.kafka != nil {
		errs = append(errs, s.kafka.Close())
	}
	if keys := s.Options.Security; keys != nil && keys.Kerberos != nil {
		errs = append(errs, keys.Kerberos.Close())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
