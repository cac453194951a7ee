package discard

import (
	"context"

	"github.com/wasmflow/wasmflow/connectors"
)

// Config is a [sinks.x] table with connector = "discard". It has no keys.
type Config struct{}

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name:    "discard",
		Doc:     "Counts records and drops them.",
		NewSink: func() connectors.SinkConfig { return &Config{} },
	}
}

// Validate finds nothing: there are no keys.
func (*Config) Validate(*connectors.Problems) {}

// Guarantee returns exactly-once: there is nothing that could be there twice or be missing.
func (*Config) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// Open returns the sink, a *Sink.
func (*Config) Open(context.Context, connectors.Env) (connectors.Sink, error) {
	return &Sink{}, nil
}

var _ connectors.SinkConfig = (*Config)(nil)
