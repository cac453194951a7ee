package avro

import (
	"context"
	"errors"
	"fmt"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// Deserializer turns Avro into JSON. Make one per task with NewDeserializer.
type Deserializer struct {
	client  *registry.Client         // nil without a registry
	schemas *registry.Schemas[*read] // of ids
	fixed   *read                    // without a registry
	d       decoder
}

// NewDeserializer returns the deserializer of valid options. It reads files and asks nothing yet.
func NewDeserializer(ctx context.Context, fc connectors.FunctionContext, o *DeserializerOptions,
) (*Deserializer, error) {
	reader, _, err := (&source{"reader_schema", o.ReaderSchema, o.ReaderSchemaFile}).
		load(ctx, fc.Env, nil)
	if err != nil {
		return nil, err
	}
	tagged := o.Unions == unionsTagged
	d := &Deserializer{}
	if o.Registry.On() {
		if d.client, err = registry.Open(ctx, fc.Env, &o.Registry); err != nil {
			return nil, err
		}
		d.schemas = registry.NewSchemas(d.client, registry.Avro,
			func(s registry.Schema, needs []registry.Dependency) (*read, error) {
				writer, err := parse(s.Text, needs)
				if err != nil {
					return nil, err
				}
				return resolve(writer, reader, tagged)
			})
		return d, nil
	}
	writer, _, err := (&source{"schema", o.Schema, o.SchemaFile}).load(ctx, fc.Env, nil)
	if err != nil {
		return nil, err
	}
	if writer == nil {
		return nil, connectors.Permanent(errors.New("opening format avro: it has no schema"))
	}
	if d.fixed, err = resolve(writer, reader, tagged); err != nil {
		return nil, connectors.Permanent(err)
	}
	return d, nil
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		value := in.Records[i].Value
		if value != nil { // A4
			if err := d.decode(ctx, value); err != nil {
				if err := registry.AddFault(faults, i, Name, err); err != nil {
					return err
				}
				continue
			}
			value = out.Copy(d.d.out)
		}
		r := out.Append()
		*r = in.Records[i]
		r.Value = value
	}
	return nil
}

// decode leaves the JSON of value in d.d.out. An error that concerns the value is a Refusal.
func (d *Deserializer) decode(ctx context.Context, value []byte) error {
	r := d.fixed
	if d.schemas != nil {
		id, rest, err := registry.Split(value)
		if err != nil {
			return err
		}
		if r, err = d.schemas.Get(ctx, id); err != nil {
			return err
		}
		value = rest
	}
	d.d.in, d.d.out, d.d.depth = value, d.d.out[:0], 0
	err := d.d.value(r)
	if err == nil && len(d.d.in) > 0 {
		err = fmt.Errorf("%d bytes follow the value", len(d.d.in))
	}
	if err != nil {
		return registry.Refuse("the value is no Avro of its schema: %w", err)
	}
	return nil
}

// Close releases the connections to the registry.
func (d *Deserializer) Close() error {
	if d.client == nil {
		return nil
	}
	return d.client.Close()
}

// Serializer turns JSON into Avro. Make one per task with NewSerializer.
type Serializer struct {
	client   *registry.Client            // nil without a registry
	subjects *registry.Subjects[*schema] // nil without a registry
	fixed    *schema
	parser   fastjson.Parser
	e        encoder
}

// NewSerializer returns the serializer of valid options. With a registry it finds the schema of
// the sink's topic there, so that a refusal shows before the first record.
func NewSerializer(ctx context.Context, fc connectors.FunctionContext, o *SerializerOptions,
) (_ *Serializer, err error) {
	s := &Serializer{
		e: encoder{tagged: o.Unions == unionsTagged, drop: o.UnknownFields == unknownDrop},
	}
	var needs []registry.Dependency
	if o.Registry.On() {
		if s.client, err = registry.Open(ctx, fc.Env, &o.Registry); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, s.client.Close())
			}
		}()
		if needs, err = s.client.Dependencies(ctx, o.References); err != nil {
			return nil, err
		}
	}
	own := registry.Own[*schema]{Schema: registry.Schema{Type: registry.Avro}}
	if own.Of, own.Schema.Text, err = o.source().load(ctx, fc.Env, needs); err != nil {
		return nil, err
	}
	if own.Of != nil {
		own.Record = own.Of.recordName()
	}
	if s.client == nil {
		if s.fixed = own.Of; s.fixed == nil {
			return nil, connectors.Permanent(errors.New("opening format avro: it has no schema"))
		}
		return s, nil
	}
	s.subjects = registry.NewSubjects(s.client, &o.WriteOptions, fc, own,
		func(x registry.Schema, needs []registry.Dependency) (*schema, error) {
			return parse(x.Text, needs)
		})
	return s, s.subjects.Warm(ctx)
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		value := in.Records[i].Value
		if value != nil { // A4
			to := s.fixed
			s.e.out = s.e.out[:0]
			if s.subjects != nil {
				id, of, err := s.subjects.Get(ctx, in.TargetOf(&in.Records[i]))
				if err != nil {
					return err
				}
				to, s.e.out = of, registry.AppendHeader(s.e.out, id)
			}
			if err := s.encode(to, value); err != nil {
				faults.Add(connectors.Fault{Index: i, Function: Name, Text: err.Error()})
				continue
			}
			value = out.Copy(s.e.out)
		}
		r := out.Append()
		*r = in.Records[i]
		r.Value = value
	}
	return nil
}

// encode appends the binary form of a JSON text to s.e.out.
func (s *Serializer) encode(to *schema, value []byte) error {
	// The parser below takes texts that are not quite JSON.
	if err := jsontext.Check(value); err != nil {
		return err
	}
	v, err := s.parser.ParseBytes(value)
	if err != nil {
		return fmt.Errorf("reading the value as JSON: %w", err)
	}
	s.e.depth, s.e.trials = 0, 0
	if err := s.e.value(to.root, v); err != nil {
		return fmt.Errorf("the value does not fit its Avro schema: %w", err)
	}
	return nil
}

// Close releases the connections to the registry.
func (s *Serializer) Close() error {
	if s.client == nil {
		return nil
	}
	return s.client.Close()
}

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
