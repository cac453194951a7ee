package avro

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"
)

// FuzzDeserialize checks that any bytes end in JSON or a fault, that what the library reads is read
// here with the same result, and that the JSON comes back as what the library reads, too (A1).
func FuzzDeserialize(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "everything.avsc"))
	require.NoError(f, err)
	const union = `{"type":"array","items":["null","int",{"type":"record","name":"R","fields":[` +
		`{"name":"x","type":{"type":"array","items":["R","boolean"]}}]},"bytes","float"]}`
	schemas := []string{string(text), orderSchema, union}
	parsed := make([]*avro.Schema, len(schemas))
	var ds []*Deserializer
	var ss []*Serializer
	for i, schema := range schemas {
		parsed[i] = avro.MustParse(schema)
		ds = append(ds, newDeserializer(f, func(o *DeserializerOptions) {
			o.Schema, o.Unions = schema, unionsTagged
		}))
		ss = append(ss, newSerializer(f, func(o *SerializerOptions) {
			o.Schema, o.Unions = schema, unionsTagged
		}))
	}
	order, _ := serialized(f, newSerializer(f, func(o *SerializerOptions) {
		o.Schema = orderSchema
	}), orderJSON)
	f.Add(1, []byte(order))
	f.Add(2, []byte("\x04\x02\x04\x04\x04\x02\x01\x00\x00"))
	f.Add(0, []byte("\x01"))
	f.Fuzz(func(t *testing.T, which int, value []byte) {
		if len(value) > 1<<12 {
			return // the bound on size has tests of its own
		}
		which = int(uint(which) % uint(len(schemas)))
		got, fault := deserialized(t, ds[which], value)
		if fault != "" {
			return // the library takes text that is not UTF-8 and times beyond a day
		}
		require.True(t, json.Valid([]byte(got)), got)
		var want, back any
		rest, err := parsed[which].Decode(value, &want)
		require.NoError(t, err)
		require.Empty(t, rest)
		binary, fault := serialized(t, ss[which], got)
		require.Empty(t, fault, got)
		_, err = parsed[which].Decode([]byte(binary), &back)
		require.NoError(t, err)
		a, err := parsed[which].EncodeJSON(want)
		require.NoError(t, err)
		b, err := parsed[which].EncodeJSON(back)
		require.NoError(t, err)
		if which != 0 { // the library writes maps in any order
			require.Equal(t, string(a), string(b))
		}
	})
}

// FuzzSerialize checks that any text ends in a fault or in bytes that the library reads.
func FuzzSerialize(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "everything.avsc"))
	require.NoError(f, err)
	golden, err := os.ReadFile(filepath.Join("testdata", "everything-plain.json"))
	require.NoError(f, err)
	parsed := avro.MustParse(string(text))
	s := newSerializer(f, func(o *SerializerOptions) { o.Schema = string(text) })
	f.Add(golden)
	f.Add([]byte(`{"null":null,"date":"+5881580-07-11"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) == 0 {
			return
		}
		binary, fault := serialized(t, s, string(value))
		if fault != "" {
			return
		}
		var v any
		rest, err := parsed.Decode([]byte(binary), &v)
		require.NoError(t, err)
		require.Empty(t, rest)
	})
}
