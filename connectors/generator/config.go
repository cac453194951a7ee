package generator

import (
	"context"
	"fmt"
	"math"

	"github.com/wasmflow/wasmflow/connectors"
)

// Config is a [sources.x] table with connector = "generator".
type Config struct {
	Count    int64   `toml:"count" doc:"records to make; 0 goes on for ever" flink:"generateSequence"`
	Rate     float64 `toml:"rate" doc:"records per second over all tasks; 0 is as fast as possible"`
	Template string  `toml:"template" doc:"the value of every record. Placeholders: {seq} the sequence number from 0, {uuid}, {now} RFC 3339 in UTC, {int a b} both included, {choice a b c}; {{ is a brace"`
	Key      string  `toml:"key" doc:"the key of every record, with the same placeholders; empty makes null keys"`
	Seed     int64   `toml:"seed" doc:"another seed makes other random values; the same one the same values"`
}

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name: "generator",
		Doc: "Makes records from a template, bounded or without end, at a given rate or as fast " +
			"as possible. The same seed always makes the same records.",
		NewSource: func() connectors.SourceConfig { return &Config{Template: "{seq}"} },
	}
}

// Validate reports what is wrong with c.
func (c *Config) Validate(p *connectors.Problems) {
	if c.Count < 0 {
		p.Addf("count", "%d is negative; 0 goes on for ever", c.Count)
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		p.Addf("rate", "%v is no rate; write records per second, 0 for as fast as possible", c.Rate)
	}
	if _, err := compile(c.Template); err != nil {
		p.Addf("template", "%v", err)
	}
	if _, err := compile(c.Key); err != nil {
		p.Addf("key", "%v", err)
	}
}

// Guarantee returns exactly-once: every record can be made again (N1).
func (c *Config) Guarantee() connectors.Guarantee { return connectors.ExactlyOnce }

// Ends implements connectors.Ending.
func (c *Config) Ends() bool { return c.Count > 0 }

// Open compiles the templates.
func (c *Config) Open(_ context.Context, env connectors.Env) (connectors.Source, error) {
	value, err := compile(c.Template)
	if err != nil {
		return nil, fmt.Errorf("compiling template: %w", err)
	}
	key, err := compile(c.Key)
	if err != nil {
		return nil, fmt.Errorf("compiling key: %w", err)
	}
	return newSource(c, env, key, value), nil
}

var _ connectors.SourceConfig = (*Config)(nil)
