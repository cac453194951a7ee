package builtin

import (
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/csv"
	"github.com/wasmflow/wasmflow/connectors/format/jsonlines"
	"github.com/wasmflow/wasmflow/connectors/format/text"
)

// Options configure a function or a writer. They are a pointer to a struct with the tags of
// connectors.SourceConfig.
type Options interface {
	// Validate reports every problem.
	Validate(p *connectors.Problems)
}

// Deserializer is a row of the table of deserializers.
type Deserializer struct {
	Name, Doc string
	// NewOptions returns the defaults.
	NewOptions func() Options
	// Open returns a deserializer for one task. Valid options are no error; nil is the defaults.
	Open func(o Options) (connectors.Deserializer, error)
}

// Serializer is a row of the table of serializers.
type Serializer struct {
	Name, Doc  string
	NewOptions func() Options
	Open       func(o Options) (connectors.Serializer, error)
}

// Deserializers returns the table of deserializers, by name.
func Deserializers() []Deserializer {
	return []Deserializer{
		deserializer(text.NameBytes, "Records as they were read. This is the default.", newNone,
			func(*none) (text.Pass, error) { return text.Pass{}, nil }),
		deserializer(csv.Name, "Rows of delimited fields; they become JSON objects of typed columns.",
			csv.NewDeserializerOptions, csv.NewDeserializer),
		deserializer(jsonlines.Name, "JSON; a value that is none is refused.", jsonlines.NewOptions,
			func(o *jsonlines.Options) (*jsonlines.Checker, error) { return jsonlines.NewChecker(o), nil }),
		deserializer(text.NameString, "Text of any charset; it becomes UTF-8.",
			text.NewDeserializerOptions, text.NewDeserializer),
	}
}

// Serializers returns the table of serializers, by name.
func Serializers() []Serializer {
	return []Serializer{
		serializer(text.NameBytes, "Values as they are. This is the default.", newNone,
			func(*none) (text.Pass, error) { return text.Pass{}, nil }),
		serializer(csv.Name, "JSON objects or arrays; they become rows of delimited fields.",
			csv.NewSerializerOptions, csv.NewSerializer),
		serializer(jsonlines.Name, "JSON; a value that is none is refused.", jsonlines.NewOptions,
			func(o *jsonlines.Options) (*jsonlines.Checker, error) { return jsonlines.NewChecker(o), nil }),
		serializer(text.NameString, "Text in UTF-8; it becomes text of another charset.",
			text.NewSerializerOptions, text.NewSerializer),
	}
}

// none are the options of what has none.
type none struct{}

func newNone() *none { return &none{} }

// Validate implements Options.
func (*none) Validate(*connectors.Problems) {}

// as returns o as the type that a row of the table takes, or the defaults.
func as[O Options](name string, o Options, defaults func() O) (O, error) {
	if o == nil {
		return defaults(), nil
	}
	typed, ok := o.(O)
	if !ok {
		return typed, fmt.Errorf("opening format %s: it does not take %T", name, o)
	}
	return typed, nil
}

func deserializer[O Options, D connectors.Deserializer](
	name, doc string, defaults func() O, open func(O) (D, error),
) Deserializer {
	return Deserializer{
		Name: name, Doc: doc, NewOptions: func() Options { return defaults() },
		Open: func(o Options) (connectors.Deserializer, error) {
			typed, err := as(name, o, defaults)
			if err != nil {
				return nil, err
			}
			return open(typed)
		},
	}
}

func serializer[O Options, S connectors.Serializer](
	name, doc string, defaults func() O, open func(O) (S, error),
) Serializer {
	return Serializer{
		Name: name, Doc: doc, NewOptions: func() Options { return defaults() },
		Open: func(o Options) (connectors.Serializer, error) {
			typed, err := as(name, o, defaults)
			if err != nil {
				return nil, err
			}
			return open(typed)
		},
	}
}
