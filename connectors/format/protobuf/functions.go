package protobuf

import (
	"context"
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// messagesMax bounds the messages of one schema that a task keeps apart: a schema has fewer, and
// what names others is no message of it.
const messagesMax = 1000

// Deserializer turns Protobuf messages into JSON. Make one per task with NewDeserializer.
type Deserializer struct {
	reader *registry.Reader[*messages]
	form   form
	buf    []byte
	path   []int
}

// messages are those of one schema.
type messages struct {
	schema *schema
	known  map[string]*message // by their path as it stands before a value
	only   *message            // without a registry
}

// NewDeserializer returns the deserializer of valid options. It reads files and asks nothing yet.
func NewDeserializer(ctx context.Context, fc connectors.FunctionContext, o *DeserializerOptions,
) (*Deserializer, error) {
	one := o.parser(ctx, fc.Env)
	parse := func(text string, needs []registry.Dependency) (*messages, error) {
		if !o.Registry.On() {
			m, err := one(text, needs)
			return &messages{only: m}, err
		}
		s, err := compile(sourceName, text, func(name string) (string, error) {
			return registry.Among(needs, name)
		})
		return &messages{schema: s, known: map[string]*message{}}, err
	}
	reader, err := registry.NewReader(ctx, fc, &o.Registry, registry.Protobuf, o.source(), parse)
	if err != nil {
		return nil, err
	}
	return &Deserializer{reader: reader, form: form{
		protoNames: o.FieldNames == namesProto, defaults: o.Defaults == defaultsEmit,
	}}, nil
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(_ int, value []byte) ([]byte, error) {
		of, value, err := d.reader.Get(ctx, value)
		if err != nil {
			return nil, err
		}
		m := of.only
		if m == nil {
			if m, value, err = d.find(of, value); err != nil {
				return nil, err
			}
		}
		if d.buf, err = d.form.appendJSON(d.buf[:0], value, m); err != nil {
			return nil, format.Refuse("the value is no message %s: %w", m.descriptor.FullName(), err)
		}
		return out.Copy(d.buf), nil
	})
}

// find returns the message whose path stands before a value, and the value.
func (d *Deserializer) find(of *messages, value []byte) (*message, []byte, error) {
	path, data, err := registry.SplitIndexes(d.path[:0], value)
	if err != nil {
		return nil, nil, err
	}
	d.path = path
	key := value[:len(value)-len(data)]
	if m := of.known[string(key)]; m != nil {
		return m, data, nil
	}
	m := of.schema.at(slices.Clone(path))
	if m == nil {
		return nil, nil, format.Refuse("the schema of the value has no message at %v", path)
	}
	if len(of.known) >= messagesMax {
		clear(of.known)
	}
	of.known[string(key)] = m
	return m, data, nil
}

// Close releases the connections to the registry.
func (d *Deserializer) Close() error { return d.reader.Close() }

// Serializer turns JSON into Protobuf messages. Make one per task with NewSerializer.
type Serializer struct {
	writer *registry.Writer[*message]
	form   form
	buf    []byte
}

// NewSerializer returns the serializer of valid options, as registry.NewWriter says.
func NewSerializer(ctx context.Context, fc connectors.FunctionContext, o *SerializerOptions,
) (*Serializer, error) {
	writer, err := registry.NewWriter(ctx, fc, &o.WriteOptions, registry.Protobuf, o.source(),
		o.parser(ctx, fc.Env), (*message).name)
	if err != nil {
		return nil, err
	}
	return &Serializer{writer: writer, form: form{drop: o.UnknownFields == unknownDrop}}, nil
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, Name, func(i int, value []byte) ([]byte, error) {
		m, begun, err := s.writer.Begin(ctx, s.buf[:0], in.TargetOf(&in.Records[i]))
		if err != nil {
			return nil, err
		}
		if s.buf = begun; s.writer.Registered() {
			s.buf = registry.AppendIndexes(s.buf, m.path)
		}
		if err := jsontext.Check(value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		if s.buf, err = s.form.appendBinary(s.buf, value, m); err != nil {
			return nil, format.Refuse("the value does not fit message %s: %w", m.name(), err)
		}
		return out.Copy(s.buf), nil
	})
}

// Close releases the connections to the registry.
func (s *Serializer) Close() error { return s.writer.Close() }

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
