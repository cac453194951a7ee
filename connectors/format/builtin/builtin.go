package builtin

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/csv"
	"github.com/wasmflow/wasmflow/connectors/format/envelope"
	"github.com/wasmflow/wasmflow/connectors/format/jsonlines"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/keyvalue"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/connectors/format/text"
)

// Function is a row of a table: a function of role T.
type Function[T any] struct {
	Name, Doc string
	// NewOptions returns the defaults; it is nil for a function without options.
	NewOptions func() connectors.FunctionOptions
	// Keys tells that it makes one value of each and looks at nothing else of a record: it can
	// work on keys, too.
	Keys bool
	// Open returns a function for one task. The options are valid, or nil for the defaults.
	Open Opener[T]
}

// Opener opens a function of role T.
type Opener[T any] func(
	ctx context.Context, fc connectors.FunctionContext, o connectors.FunctionOptions,
) (T, error)

// Deserializers returns the table of deserializers, by name.
func Deserializers() []Function[connectors.Deserializer] {
	type T = connectors.Deserializer
	type place = connectors.FunctionContext
	return []Function[T]{
		keys(outward(avro.Name, "Avro, of a schema in a file or of a schema registry; it becomes JSON.",
			avro.NewDeserializerOptions,
			func(ctx context.Context, fc place, o *avro.DeserializerOptions) (T, error) {
				return avro.NewDeserializer(ctx, fc, o)
			})),
		keys(plain(text.NameBytes, "Records as they were read. This is the default.",
			func() T { return text.Pass{} })),
		configured(csv.Name, "Rows of delimited fields; they become JSON objects of typed columns.",
			csv.NewDeserializerOptions,
			func(o *csv.DeserializerOptions) (T, error) { return csv.NewDeserializer(o) }),
		keys(configured(jsonlines.Name, "JSON; a value that is none is refused.", jsonlines.NewOptions,
			func(o *jsonlines.Options) (T, error) { return jsonlines.NewChecker(o), nil })),
		outward(keyvalue.Name, "Key and value that are JSON; they become one object, with the place "+
			"of the record if asked for.", keyvalue.NewOptions,
			func(_ context.Context, fc place, o *keyvalue.Options) (T, error) {
				return keyvalue.NewDeserializer(fc, o), nil
			}),
		keys(outward(jsonschema.Name, "JSON that fits a JSON Schema in a file or of a schema registry.",
			jsonschema.NewDeserializerOptions,
			func(ctx context.Context, fc place, o *jsonschema.DeserializerOptions) (T, error) {
				return jsonschema.NewDeserializer(ctx, fc, o)
			})),
		keys(outward(protobuf.Name, "Protobuf messages, of a schema in a file or of a schema registry; "+
			"they become JSON.", protobuf.NewDeserializerOptions,
			func(ctx context.Context, fc place, o *protobuf.DeserializerOptions) (T, error) {
				return protobuf.NewDeserializer(ctx, fc, o)
			})),
		keys(configured(text.NameString, "Text of any charset; it becomes UTF-8.",
			text.NewDeserializerOptions,
			func(o *text.DeserializerOptions) (T, error) { return text.NewDeserializer(o) })),
	}
}

// Serializers returns the table of serializers, by name.
func Serializers() []Function[connectors.Serializer] {
	type T = connectors.Serializer
	type place = connectors.FunctionContext
	return []Function[T]{
		keys(outward(avro.Name, "JSON; it becomes Avro of a schema in a file or in a schema registry.",
			avro.NewSerializerOptions,
			func(ctx context.Context, fc place, o *avro.SerializerOptions) (T, error) {
				return avro.NewSerializer(ctx, fc, o)
			})),
		keys(plain(text.NameBytes, "Values as they are. This is the default.",
			func() T { return text.Pass{} })),
		configured(csv.Name, "JSON objects or arrays; they become rows of delimited fields.",
			csv.NewSerializerOptions,
			func(o *csv.SerializerOptions) (T, error) { return csv.NewSerializer(o) }),
		plain(envelope.Name, "The whole record as one JSON object: value, key, timestamp and headers.",
			func() T { return envelope.New() }),
		keys(configured(jsonlines.Name, "JSON; a value that is none is refused.", jsonlines.NewOptions,
			func(o *jsonlines.Options) (T, error) { return jsonlines.NewChecker(o), nil })),
		plain(keyvalue.Name, "An object with key and value; both become JSON of their own.",
			func() T { return keyvalue.NewSerializer() }),
		keys(outward(jsonschema.Name, "JSON that fits a JSON Schema in a file or in a schema registry.",
			jsonschema.NewSerializerOptions,
			func(ctx context.Context, fc place, o *jsonschema.SerializerOptions) (T, error) {
				return jsonschema.NewSerializer(ctx, fc, o)
			})),
		keys(outward(protobuf.Name, "JSON; it becomes a Protobuf message of a schema in a file or in a "+
			"schema registry.", protobuf.NewSerializerOptions,
			func(ctx context.Context, fc place, o *protobuf.SerializerOptions) (T, error) {
				return protobuf.NewSerializer(ctx, fc, o)
			})),
		keys(configured(text.NameString, "Text in UTF-8; it becomes text of another charset.",
			text.NewSerializerOptions,
			func(o *text.SerializerOptions) (T, error) { return text.NewSerializer(o) })),
	}
}

// plain is a row without options.
func plain[T any](name, doc string, open func() T) Function[T] {
	return Function[T]{
		Name: name, Doc: doc,
		Open: func(_ context.Context, _ connectors.FunctionContext, o connectors.FunctionOptions,
		) (none T, err error) {
			if o != nil {
				return none, fmt.Errorf("opening format %s: it takes no options, not %T", name, o)
			}
			return open(), nil
		},
	}
}

// configured is a row with options of type O, of a function that needs nothing else.
func configured[T any, O connectors.FunctionOptions](
	name, doc string, defaults func() O, open func(O) (T, error),
) Function[T] {
	return outward(name, doc, defaults,
		func(_ context.Context, _ connectors.FunctionContext, o O) (T, error) { return open(o) })
}

// outward is a row with options of type O, of a function that reads files or asks a registry.
func outward[T any, O connectors.FunctionOptions](
	name, doc string, defaults func() O,
	open func(context.Context, connectors.FunctionContext, O) (T, error),
) Function[T] {
	return Function[T]{
		Name: name, Doc: doc, NewOptions: func() connectors.FunctionOptions { return defaults() },
		Open: func(ctx context.Context, fc connectors.FunctionContext, o connectors.FunctionOptions,
		) (none T, err error) {
			if o == nil {
				return open(ctx, fc, defaults())
			}
			typed, ok := o.(O)
			if !ok {
				return none, fmt.Errorf("opening format %s: it does not take %T", name, o)
			}
			return open(ctx, fc, typed)
		},
	}
}

// keys marks a row as one that can work on keys.
func keys[T any](f Function[T]) Function[T] {
	f.Keys = true
	return f
}
