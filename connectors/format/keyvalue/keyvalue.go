package keyvalue

import (
	"context"
	"fmt"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

// Name of the functions in job files.
const Name = "json-key-value"

// Options configure the deserializer.
type Options struct {
	IncludeMetadata bool `toml:"include_metadata" doc:"add \"metadata\": {\"offset\", \"topic\", \"partition\"}; where splits are no partitions of a topic, {\"offset\", \"split\"}" flink:"JSONKeyValueDeserializationSchema(includeMetadata)"`
}

// NewOptions returns the defaults.
func NewOptions() *Options { return &Options{} }

// Validate reports every problem: there can be none.
func (o *Options) Validate(*connectors.Problems) {}

// Deserializer makes one object of key and value. Make one per task with NewDeserializer.
type Deserializer struct {
	metadata bool
	place    func(split string) (topic string, partition int32, ok bool)
	buf      []byte
}

// NewDeserializer returns the deserializer of the options.
func NewDeserializer(fc connectors.FunctionContext, o *Options) *Deserializer {
	return &Deserializer{metadata: o.IncludeMetadata, place: fc.Place}
}

// Deserialize implements connectors.Deserializer. The key stays beside the value.
func (d *Deserializer) Deserialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		if err := d.object(in, &in.Records[i]); err != nil {
			faults.Add(connectors.Fault{Index: i, Function: Name, Text: err.Error()})
			continue
		}
		r := out.Append()
		*r = in.Records[i]
		r.Value = out.Copy(d.buf)
	}
	return nil
}

// object leaves the object of r in d.buf.
func (d *Deserializer) object(in *connectors.Batch, r *connectors.Record) error {
	d.buf = append(d.buf[:0], '{')
	for _, m := range [...]struct {
		name string
		text []byte
	}{{"key", r.Key}, {"value", r.Value}} {
		if m.text == nil {
			continue
		}
		if err := jsontext.Check(m.text); err != nil {
			return fmt.Errorf("in the %s: %w", m.name, err)
		}
		d.member(m.name)
		d.buf = append(d.buf, m.text...)
	}
	if d.metadata {
		d.member("metadata")
		d.appendMetadata(in, r)
	}
	d.buf = append(d.buf, '}')
	return nil
}

func (d *Deserializer) member(name string) {
	if len(d.buf) > 1 {
		d.buf = append(d.buf, ',')
	}
	d.buf = append(append(append(d.buf, '"'), name...), '"', ':')
}

func (d *Deserializer) appendMetadata(in *connectors.Batch, r *connectors.Record) {
	d.buf = append(d.buf, `{"offset":`...)
	if r.Position.Hi == 0 {
		d.buf = strconv.AppendUint(d.buf, r.Position.Lo, 10)
	} else {
		d.buf = fmt.Appendf(d.buf, `"0x%016x%016x"`, r.Position.Hi, r.Position.Lo)
	}
	split := ""
	if int(r.Split) < len(in.Splits) {
		split = in.Splits[r.Split]
	}
	if d.place != nil {
		if topic, partition, ok := d.place(split); ok {
			d.buf = append(d.buf, `,"topic":`...)
			d.buf = jsontext.AppendString(d.buf, []byte(topic))
			d.buf = append(d.buf, `,"partition":`...)
			d.buf = append(strconv.AppendInt(d.buf, int64(partition), 10), '}')
			return
		}
	}
	d.buf = append(d.buf, `,"split":`...)
	d.buf = append(jsontext.AppendString(d.buf, []byte(split)), '}')
}

// Close releases nothing.
func (d *Deserializer) Close() error { return nil }

// Serializer takes key and value out of an object. Make one per task with NewSerializer.
type Serializer struct {
	parser fastjson.Parser
	buf    []byte
}

// NewSerializer returns a serializer.
func NewSerializer() *Serializer { return &Serializer{} }

// Serialize implements connectors.Serializer. What the object lacks is null in the record; a record
// whose value is null stays as it is.
func (s *Serializer) Serialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	for i := range in.Records {
		var key, value []byte
		if in.Records[i].Value == nil {
			key = in.Records[i].Key
		} else {
			object, err := s.parse(in.Records[i].Value)
			if err != nil {
				faults.Add(connectors.Fault{Index: i, Function: Name, Text: err.Error()})
				continue
			}
			key, value = s.take(out, object.Get("key")), s.take(out, object.Get("value"))
		}
		r := out.Append()
		*r = in.Records[i]
		r.Key, r.Value = key, value
	}
	return nil
}

func (s *Serializer) parse(text []byte) (*fastjson.Object, error) {
	if err := jsontext.Check(text); err != nil {
		return nil, err
	}
	v, err := s.parser.ParseBytes(text)
	if err != nil {
		return nil, fmt.Errorf("reading the value as JSON: %w", err)
	}
	object := v.GetObject()
	if object == nil {
		return nil, fmt.Errorf("want an object with key and value, not a JSON %s", v.Type())
	}
	return object, nil
}

// take returns the JSON of a member, or nil for one that is missing.
func (s *Serializer) take(out *connectors.Batch, v *fastjson.Value) []byte {
	if v == nil {
		return nil
	}
	s.buf = v.MarshalTo(s.buf[:0])
	return out.Copy(s.buf)
}

// Close releases nothing.
func (s *Serializer) Close() error { return nil }

var (
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
