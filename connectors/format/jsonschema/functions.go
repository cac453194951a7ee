package jsonschema

import (
	"context"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Deserializer passes values that fit their schema, without the header of a registry. Make one per
// task with NewDeserializer.
type Deserializer struct{ reader *registry.Reader[*schema] }

// NewDeserializer returns the deserializer of valid options. It reads files and asks nothing yet.
func NewDeserializer(ctx context.Context, fc connectors.FunctionContext, o *DeserializerOptions,
) (*Deserializer, error) {
	reader, err := registry.NewReader(ctx, fc, &o.Registry, registry.JSON, o.source(),
		o.parser(ctx, fc.Env))
	if err != nil {
		return nil, err
	}
	return &Deserializer{reader: reader}, nil
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(_ int, value []byte) ([]byte, error) {
		s, value, err := d.reader.Get(ctx, value)
		if err != nil {
			return nil, err
		}
		if err := s.check(value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		return value, nil
	})
}

// Close releases the connections to the registry.
func (d *Deserializer) Close() error { return d.reader.Close() }

// Serializer passes values that fit a schema, behind the header of a registry. Make one per task
// with NewSerializer.
type Serializer struct {
	writer *registry.Writer[*schema]
	buf    []byte
}

// NewSerializer returns the serializer of valid options, as registry.NewWriter says.
func NewSerializer(ctx context.Context, fc connectors.FunctionContext, o *SerializerOptions,
) (*Serializer, error) {
	writer, err := registry.NewWriter(ctx, fc, &o.WriteOptions, registry.JSON, o.source(),
		o.parser(ctx, fc.Env), (*schema).name)
	if err != nil {
		return nil, err
	}
	return &Serializer{writer: writer}, nil
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(i int, value []byte) ([]byte, error) {
		of, begun, err := s.writer.Begin(ctx, s.buf[:0], in.TargetOf(&in.Records[i]))
		if err != nil {
			return nil, err
		}
		if err := of.check(value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		if !s.writer.Registered() {
			return value, nil
		}
		s.buf = append(begun, value...)
		return out.Copy(s.buf), nil
	})
}

// Close releases the connections to the registry.
func (s *Serializer) Close() error { return s.writer.Close() }

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
