package builtin_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/builtin"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/keyed"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
)

// call is Deserialize or Serialize of a function.
type call = func(ctx context.Context, in, out *connectors.Batch, faults *connectors.Faults) error

// TestFlawS3_TombstonesPassEveryFormat gives every function records without a value, and without a
// key. Flink's SimpleStringSchema crashes on a null value. Here a null is a value of its own, which
// no function reads or makes into another. The two that put whole records into the value have a
// form for it.
func TestFlawS3_TombstonesPassEveryFormat(t *testing.T) {
	for _, d := range builtin.Deserializers() {
		f, err := d.Open(t.Context(), connectors.FunctionContext{}, withSchema(d.NewOptions))
		require.NoError(t, err)
		shown := map[string]string{}
		if d.Name == "json-key-value" {
			shown = map[string]string{"": `{}`, `"k"`: `{"key":"k"}`}
		}
		t.Run("deserializer "+d.Name, func(t *testing.T) { passNullValues(t, f.Deserialize, shown) })
		if d.Keys {
			t.Run("deserializer of keys "+d.Name, func(t *testing.T) {
				passNullKeys(t, keyed.NewDeserializer(f, nil).Deserialize)
			})
		}
	}
	for _, s := range builtin.Serializers() {
		f, err := s.Open(t.Context(), connectors.FunctionContext{}, withSchema(s.NewOptions))
		require.NoError(t, err)
		shown := map[string]string{}
		if s.Name == "envelope" {
			shown = map[string]string{"": `{"value":null,"timestamp":1}`,
				`"k"`: `{"value":null,"key":"\"k\"","timestamp":1}`}
		}
		t.Run("serializer "+s.Name, func(t *testing.T) { passNullValues(t, f.Serialize, shown) })
		if s.Keys {
			t.Run("serializer of keys "+s.Name, func(t *testing.T) {
				passNullKeys(t, keyed.NewSerializer(f, nil).Serialize)
			})
		}
	}
}

// withSchema returns the defaults of a function, with a schema where it needs one.
func withSchema(defaults func() connectors.FunctionOptions) connectors.FunctionOptions {
	const proto = `syntax = "proto3"; message M { int32 a = 1; }`
	if defaults == nil {
		return nil
	}
	switch o := defaults().(type) {
	case *avro.DeserializerOptions:
		o.Schema = `"string"`
		return o
	case *avro.SerializerOptions:
		o.Schema = `"string"`
		return o
	case *protobuf.DeserializerOptions:
		o.Schema = proto
		return o
	case *protobuf.SerializerOptions:
		o.Schema = proto
		return o
	case *jsonschema.DeserializerOptions:
		o.Schema = `{"type":"string"}`
		return o
	case *jsonschema.SerializerOptions:
		o.Schema = `{"type":"string"}`
		return o
	default:
		return o
	}
}

// passNullValues holds that f leaves a null value null, and the key beside it alone. shown is what
// it makes of the value instead, by key.
func passNullValues(t *testing.T, f call, shown map[string]string) {
	t.Helper()
	for _, key := range [][]byte{nil, []byte(`"k"`)} {
		in := connectors.Record{Key: key, Timestamp: 1}
		want := in
		if text, ok := shown[string(key)]; ok {
			want.Value = []byte(text)
		}
		require.Equal(t, want, one(t, f, in))
	}
}

// passNullKeys holds that f leaves a null key null, and the value beside it alone.
func passNullKeys(t *testing.T, f call) {
	t.Helper()
	for _, value := range [][]byte{nil, {}, []byte("v")} {
		in := connectors.Record{Value: value, Timestamp: 1}
		require.Equal(t, in, one(t, f, in))
	}
}

// one returns what f makes of a record.
func one(t *testing.T, f call, in connectors.Record) connectors.Record {
	t.Helper()
	var from, to connectors.Batch
	var faults connectors.Faults
	*from.Append() = in
	require.NoError(t, f(t.Context(), &from, &to, &faults))
	require.Empty(t, faults.List)
	require.Equal(t, 1, to.Len())
	return to.Records[0]
}
