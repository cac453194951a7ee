package jsonlines

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// Name of the functions in job files.
const Name = "json"

// What a value must be.
const (
	RequireAny    = "any"
	RequireObject = "object"
)

var errNoObject = errors.New("the value is no JSON object")

// Options configure the deserializer and the serializer.
type Options struct {
	Require string `toml:"require" doc:"what a value must be: any (JSON value) or object" flink:"JsonNodeDeserializationSchema"`
}

// NewOptions returns the defaults.
func NewOptions() *Options { return &Options{Require: RequireAny} }

// Validate reports every problem.
func (o *Options) Validate(p *connectors.Problems) {
	p.OneOf("require", o.Require, RequireAny, RequireObject)
}

func (o *Options) check(value []byte) error {
	if err := jsontext.Check(value); err != nil {
		return err
	}
	if o.Require == RequireObject && jsontext.Kind(value) != '{' {
		return errNoObject
	}
	return nil
}

// Checker passes records whose value is JSON and refuses others. A null stays null: it deletes,
// or it is a fault of whoever cannot use it.
type Checker struct{ options Options }

// NewChecker returns the deserializer and serializer of valid options.
func NewChecker(o *Options) *Checker { return &Checker{options: *o} }

// Deserialize implements connectors.Deserializer.
func (c *Checker) Deserialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return c.pass(in, out, faults)
}

// Serialize implements connectors.Serializer.
func (c *Checker) Serialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return c.pass(in, out, faults)
}

func (c *Checker) pass(in, out *connectors.Batch, faults *connectors.Faults) error {
	return format.Each(in, out, faults, Name, func(_ int, value []byte) ([]byte, error) {
		if err := c.options.check(value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		return value, nil
	})
}

// Close releases nothing.
func (c *Checker) Close() error { return nil }

var (
	_ connectors.Deserializer = (*Checker)(nil)
	_ connectors.Serializer   = (*Checker)(nil)
)
