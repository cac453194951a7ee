package avro

import (
	"context"
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Deserializer turns Avro into JSON. Make one per task with NewDeserializer.
type Deserializer struct {
	reader *registry.Reader[*read]
	d      decoder
}

// NewDeserializer returns the deserializer of valid options. It reads files and asks nothing yet.
func NewDeserializer(ctx context.Context, fc connectors.FunctionContext, o *DeserializerOptions,
) (*Deserializer, error) {
	as, _, err := registry.Load(ctx, fc.Env, o.reader(), parseAlone)
	if err != nil {
		return nil, err
	}
	reader, err := registry.NewReader(ctx, fc, &o.Registry, registry.Avro, o.writer(),
		func(text string, needs []registry.Dependency) (*read, error) {
			from, err := parse(text, needs)
			if err != nil {
				return nil, err
			}
			return resolve(from, as, o.Unions == unionsTagged)
		})
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
		if err := d.decode(ctx, value); err != nil {
			return nil, err
		}
		return out.Copy(d.d.out), nil
	})
}

// decode leaves the JSON of value in d.d.out. An error that concerns the value is a
// *format.Refusal.
func (d *Deserializer) decode(ctx context.Context, value []byte) error {
	r, value, err := d.reader.Get(ctx, value)
	if err != nil {
		return err
	}
	d.d.in, d.d.out, d.d.depth = value, d.d.out[:0], 0
	err = d.d.value(r)
	if err == nil && len(d.d.in) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(d.d.in))
	}
	if err != nil {
		return format.Refuse("the value is no Avro of its schema: %w", err)
	}
	return nil
}

// Close releases the connections to the registry.
func (d *Deserializer) Close() error { return d.reader.Close() }

// Serializer turns JSON into Avro. Make one per task with NewSerializer.
type Serializer struct {
	writer *registry.Writer[*schema]
	parser fastjson.Parser
	e      encoder
}

// NewSerializer returns the serializer of valid options, as registry.NewWriter says.
func NewSerializer(ctx context.Context, fc connectors.FunctionContext, o *SerializerOptions,
) (*Serializer, error) {
	writer, err := registry.NewWriter(ctx, fc, &o.WriteOptions, registry.Avro, o.source(), parse,
		(*schema).recordName)
	if err != nil {
		return nil, err
	}
	return &Serializer{
		writer: writer,
		e:      encoder{tagged: o.Unions == unionsTagged, drop: o.UnknownFields == unknownDrop},
	}, nil
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(i int, value []byte) ([]byte, error) {
		to, begun, err := s.writer.Begin(ctx, s.e.out[:0], in.TargetOf(&in.Records[i]))
		if err != nil {
			return nil, err
		}
		s.e.out = begun
		if err := s.e.json(&s.parser, to, value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		return out.Copy(s.e.out), nil
	})
}

// Close releases the connections to the registry.
func (s *Serializer) Close() error { return s.writer.Close() }

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
