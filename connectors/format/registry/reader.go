package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/wasmflow/wasmflow/connectors"
)

// errNoSchema is returned for options that Validate would have refused.
var errNoSchema = connectors.Permanent(errors.New("opening a format: it has no schema"))

// Parse makes something of the text of a schema that may refer to those of needs.
type Parse[T any] func(text string, needs []Dependency) (T, error)

// Among returns the text that needs hold under name, or fs.ErrNotExist.
func Among(needs []Dependency, name string) (string, error) {
	for _, n := range needs {
		if n.Name == name {
			return n.Text, nil
		}
	}
	return "", fs.ErrNotExist
}

// Reader finds what a deserializer reads a value with: what it made of its one schema, or of the
// schema that a message names. It is used by one task.
type Reader[T any] struct {
	client  *Client // nil without a registry
	schemas *Schemas[T]
	fixed   T
}

// NewReader opens the registry of o or, without one, reads the schema of src.
func NewReader[T any](ctx context.Context, fc connectors.FunctionContext, o *Options, t Type,
	src *Source, parse Parse[T],
) (*Reader[T], error) {
	r := &Reader[T]{}
	var err error
	if o.On() {
		if r.client, err = Open(ctx, fc.Env, o); err != nil {
			return nil, err
		}
		r.schemas = NewSchemas(r.client, t, parse)
		return r, nil
	}
	if !src.Given() {
		return nil, errNoSchema
	}
	r.fixed, _, err = Load(ctx, fc.Env, src, func(text string) (T, error) { return parse(text, nil) })
	return r, err
}

// Get returns what to read a value with and the value without its header. An error is a
// *format.Refusal, or one of the registry.
func (r *Reader[T]) Get(ctx context.Context, value []byte) (T, []byte, error) {
	if r.client == nil {
		return r.fixed, value, nil
	}
	id, rest, err := Split(value)
	if err != nil {
		return r.fixed, nil, err
	}
	of, err := r.schemas.Get(ctx, id)
	return of, rest, err
}

// Close releases the connections.
func (r *Reader[T]) Close() error {
	if r.client == nil {
		return nil
	}
	return r.client.Close()
}

// Writer finds what a serializer writes values with. It is used by one task.
type Writer[T any] struct {
	client   *Client // nil without a registry
	subjects *Subjects[T]
	fixed    T
}

// NewWriter reads the schema of src. With a registry it finds the schema of the sink's topic there,
// so that a refusal shows before the first record. record returns the name of a schema's record,
// for subjects that are named after it.
func NewWriter[T any](ctx context.Context, fc connectors.FunctionContext, o *WriteOptions, t Type,
	src *Source, parse Parse[T], record func(T) string,
) (*Writer[T], error) {
	if !o.Registry.On() {
		if !src.Given() {
			return nil, errNoSchema
		}
		of, _, err := Load(ctx, fc.Env, src, func(text string) (T, error) { return parse(text, nil) })
		return &Writer[T]{fixed: of}, err
	}
	client, err := Open(ctx, fc.Env, &o.Registry)
	if err != nil {
		return nil, err
	}
	w := &Writer[T]{client: client}
	if w.subjects, err = w.open(ctx, fc, o, t, src, parse, record); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return w, nil
}

func (w *Writer[T]) open(ctx context.Context, fc connectors.FunctionContext, o *WriteOptions,
	t Type,
	src *Source, parse Parse[T], record func(T) string,
) (*Subjects[T], error) {
	needs, err := w.client.Dependencies(ctx, o.References)
	if err != nil {
		return nil, err
	}
	own := Own[T]{Schema: Schema{Type: t, References: o.References}}
	if src.Given() {
		own.Of, own.Schema.Text, err = Load(ctx, fc.Env, src,
			func(text string) (T, error) { return parse(text, needs) })
		if err != nil {
			return nil, err
		}
		own.Record = record(own.Of)
	}
	subjects := NewSubjects(w.client, o, fc, own, parse)
	if err := subjects.Warm(ctx); err != nil {
		return nil, fmt.Errorf("finding the schema to write with: %w", err)
	}
	return subjects, nil
}

// Begin returns what to write a record to topic with, and dst with the header that goes before it.
func (w *Writer[T]) Begin(ctx context.Context, dst []byte, topic string) (T, []byte, error) {
	if w.client == nil {
		return w.fixed, dst, nil
	}
	id, of, err := w.subjects.Get(ctx, topic)
	if err != nil {
		return of, dst, err
	}
	return of, AppendHeader(dst, id), nil
}

// Registered reports whether values get the header of a registry.
func (w *Writer[T]) Registered() bool { return w.client != nil }

// Close releases the connections.
func (w *Writer[T]) Close() error {
	if w.client == nil {
		return nil
	}
	return w.client.Close()
}
