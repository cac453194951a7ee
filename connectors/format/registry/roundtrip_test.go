package registry_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/protobuf"
	"github.com/wasmflow/wasmflow/connectors/format/registry"
)

// pair opens both sides of a format.
type pair func(t *testing.T, o registry.Options) (connectors.Serializer, connectors.Deserializer)

func avroPair(t *testing.T, o registry.Options) (connectors.Serializer, connectors.Deserializer) {
	return avroWriter(t, orders, avroOptions(o, userV1)), avroReader(t, o)
}

// protobufPair is of a message of a file that has several.
func protobufPair(message string) pair {
	const schema = "syntax = \"proto3\";\npackage test;\nmessage Other { int32 x = 1; }\n" +
		"message User { message Inner { int64 n = 1; } string name = 1; repeated Inner inner = 2; }\n"
	return func(t *testing.T, o registry.Options) (connectors.Serializer, connectors.Deserializer) {
		w, r := protobuf.NewSerializerOptions(), protobuf.NewDeserializerOptions()
		w.Registry, w.Schema, w.Message, r.Registry = o, schema, message, o
		s, err := protobuf.NewSerializer(t.Context(), orders, w)
		require.NoError(t, err)
		d, err := protobuf.NewDeserializer(t.Context(), connectors.FunctionContext{}, r)
		require.NoError(t, err)
		return s, d
	}
}

func jsonPair(t *testing.T, o registry.Options) (connectors.Serializer, connectors.Deserializer) {
	w, r := jsonschema.NewSerializerOptions(), jsonschema.NewDeserializerOptions()
	w.Registry, r.Registry = o, o
	w.Schema = `{"title":"User","type":"object","required":["name"]}`
	s, err := jsonschema.NewSerializer(t.Context(), orders, w)
	require.NoError(t, err)
	d, err := jsonschema.NewDeserializer(t.Context(), connectors.FunctionContext{}, r)
	require.NoError(t, err)
	return s, d
}

// TestRoundTrip writes and reads through a registry, and counts the questions (R1).
func TestRoundTrip(t *testing.T) {
	const id = "\x00\x00\x00\x00\x01"
	for name, c := range map[string]struct {
		open          pair
		header, value string
	}{
		"avro":                    {avroPair, id + "\x0aalice", `{"name":"alice"}`},
		"protobuf, first message": {protobufPair("test.Other"), id + "\x00\x08\x05", `{"x":5}`},
		"protobuf, second message": {protobufPair("test.User"), id + "\x02\x02\x0a\x05alice",
			`{"name":"alice","inner":[{"n":"5"}]}`},
		"protobuf, nested message": {protobufPair("test.User.Inner"), id + "\x04\x02\x00\x08\x05",
			`{"n":"5"}`},
		"json-schema": {jsonPair, id + "{", `{"name":"alice"}`},
	} {
		t.Run(name, func(t *testing.T) {
			fake := newServer(t)
			s, d := c.open(t, at(fake.URL()))
			require.Equal(t, []string{"POST /subjects/orders-value/versions"}, fake.requests())
			binary := write(t, s, c.value, c.value, c.value)
			require.Len(t, binary, 3)
			require.True(t, strings.HasPrefix(binary[0], c.header), "%q", binary[0])
			require.Equal(t, []string{c.value, c.value, c.value}, read(t, d, binary...))
			require.Equal(t, []string{"GET /schemas/ids/1"}, fake.requests())
			require.NoError(t, s.Close())
			require.NoError(t, d.Close())
		})
	}
}
