package text

import (
	"context"
	"fmt"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

// Names of the functions in job files.
const (
	NameBytes  = "bytes"
	NameString = "string"
)

// Pass hands records on as they are: the deserializer and the serializer "bytes".
type Pass struct{}

// Deserialize implements connectors.Deserializer.
func (Pass) Deserialize(_ context.Context, in, out *connectors.Batch, _ *connectors.Faults) error {
	return pass(in, out)
}

// Serialize implements connectors.Serializer.
func (Pass) Serialize(_ context.Context, in, out *connectors.Batch, _ *connectors.Faults) error {
	return pass(in, out)
}

func pass(in, out *connectors.Batch) error {
	out.Splits = append(out.Splits, in.Splits...)
	out.Targets = append(out.Targets, in.Targets...)
	out.Records = append(out.Records, in.Records...)
	return nil
}

// Close releases nothing.
func (Pass) Close() error { return nil }

// DeserializerOptions configure the deserializer "string".
type DeserializerOptions struct {
	Charset string         `toml:"charset" doc:"IANA name of the charset of the bytes; values leave as UTF-8" flink:"SimpleStringSchema(charset)"`
	Invalid charset.Policy `toml:"invalid" doc:"bytes that are no text of the charset: fail (the record is a fault) or replace (by U+FFFD)"`
}

// NewDeserializerOptions returns the defaults.
func NewDeserializerOptions() *DeserializerOptions {
	return &DeserializerOptions{Charset: "utf-8", Invalid: charset.Fail}
}

// Validate reports every problem.
func (o *DeserializerOptions) Validate(p *connectors.Problems) {
	if _, err := charset.Lookup(o.Charset); err != nil {
		p.Addf("charset", "%v", err)
	}
	p.OneOf("invalid", string(o.Invalid), string(charset.Fail), string(charset.Replace))
}

// Deserializer turns values of any charset into UTF-8. A null stays null.
type Deserializer struct {
	charset string
	decoder *charset.Decoder
}

// NewDeserializer returns the deserializer of valid options.
func NewDeserializer(o *DeserializerOptions) (*Deserializer, error) {
	enc, err := charset.Lookup(o.Charset)
	if err != nil {
		return nil, err
	}
	return &Deserializer{charset: o.Charset, decoder: charset.NewDecoder(enc, o.Invalid)}, nil
}

// Deserialize implements connectors.Deserializer.
func (d *Deserializer) Deserialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, NameString, func(_ int, value []byte) ([]byte, error) {
		value, err := d.decoder.Decode(value, out.Alloc)
		if err != nil {
			return nil, format.Refuse("the value is no text in charset %s: %w", d.charset, err)
		}
		return value, nil
	})
}

// Close releases nothing.
func (d *Deserializer) Close() error { return nil }

// SerializerOptions configure the serializer "string".
type SerializerOptions struct {
	Charset string `toml:"charset" doc:"IANA name of the charset to write; values are UTF-8" flink:"SimpleStringSchema(charset)"`
}

// NewSerializerOptions returns the defaults.
func NewSerializerOptions() *SerializerOptions { return &SerializerOptions{Charset: "utf-8"} }

// Validate reports every problem.
func (o *SerializerOptions) Validate(p *connectors.Problems) {
	if _, err := newEncoder(o.Charset); err != nil {
		p.Addf("charset", "%v", err)
	}
}

// Serializer turns values of UTF-8 into another charset. A null stays null.
type Serializer struct {
	encoder *encoder
	buf     []byte
}

// NewSerializer returns the serializer of valid options.
func NewSerializer(o *SerializerOptions) (*Serializer, error) {
	e, err := newEncoder(o.Charset)
	if err != nil {
		return nil, err
	}
	return &Serializer{encoder: e}, nil
}

// Serialize implements connectors.Serializer.
func (s *Serializer) Serialize(
	_ context.Context, in, out *connectors.Batch, faults *connectors.Faults,
) error {
	return format.Each(in, out, faults, NameString, func(_ int, value []byte) ([]byte, error) {
		if s.encoder.enc == nil {
			return value, nil
		}
		var err error
		if s.buf, err = s.encoder.append(s.buf[:0], value); err != nil {
			return nil, &format.Refusal{Err: err}
		}
		return out.Copy(s.buf), nil
	})
}

// Close releases nothing.
func (s *Serializer) Close() error { return nil }

// encoder writes UTF-8 in a charset.
type encoder struct {
	charset string
	enc     *encoding.Encoder // nil for UTF-8
}

func newEncoder(name string) (*encoder, error) {
	enc, err := charset.Lookup(name)
	if err != nil || enc == nil {
		return &encoder{charset: name}, err
	}
	return &encoder{charset: name, enc: enc.NewEncoder()}, nil
}

// append adds text to dst. A character that the charset lacks is an error: to replace it would
// lose it without a word.
func (e *encoder) append(dst, text []byte) ([]byte, error) {
	if e.enc == nil {
		return append(dst, text...), nil
	}
	e.enc.Reset()
	out, _, err := transform.Append(e.enc, dst, text)
	if err != nil {
		return dst, fmt.Errorf("the value has no form in charset %s: %w", e.charset, err)
	}
	return out, nil
}

var (
	_ connectors.Deserializer = Pass{}
	_ connectors.Serializer   = Pass{}
	_ connectors.Deserializer = (*Deserializer)(nil)
	_ connectors.Serializer   = (*Serializer)(nil)
)
