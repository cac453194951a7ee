package keyvalue

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func text(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// place is that of a Kafka source.
func place(split string) (topic string, partition int32, ok bool) {
	return "topic#1", 3, split == "topic#1-3"
}

func TestDeserialize(t *testing.T) {
	for name, c := range map[string]struct {
		key, value, split string
		position          connectors.Position
		metadata          bool
		want, fault       string
	}{
		"both": {key: `{"index":4}`, value: `{"word":"world"}`,
			want: `{"key":{"index":4},"value":{"word":"world"}}`},
		"no key":   {value: `{"word":"world"}`, want: `{"value":{"word":"world"}}`},
		"no value": {key: `{"index":4}`, want: `{"key":{"index":4}}`},
		"nothing":  {want: `{}`},
		"metadata": {value: `1`, split: "topic#1-3", position: connectors.Position{Lo: 4},
			metadata: true, want: `{"value":1,"metadata":{"offset":4,"topic":"topic#1","partition":3}}`},
		"other split": {value: `1`, split: "a \"file\"", position: connectors.Position{Lo: 4},
			metadata: true, want: `{"value":1,"metadata":{"offset":4,"split":"a \"file\""}}`},
		"far": {split: "s", position: connectors.Position{Hi: 1, Lo: 2}, metadata: true,
			want: `{"metadata":{"offset":"0x00000000000000010000000000000002","split":"s"}}`},
		"bad key":   {key: `{`, value: `1`, fault: "in the key: no JSON at byte 1: want a member name"},
		"bad value": {key: `1`, value: `x`, fault: "in the value: no JSON at byte 0: want a value"},
	} {
		t.Run(name, func(t *testing.T) {
			var in, out connectors.Batch
			var faults connectors.Faults
			r := in.Append()
			r.Key, r.Value, r.Position = text(c.key), text(c.value), c.position
			r.Split = in.SplitIndex(c.split)
			d := NewDeserializer(connectors.FunctionContext{Place: place},
				&Options{IncludeMetadata: c.metadata})
			require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
			if c.fault != "" {
				require.Zero(t, out.Len())
				require.Equal(t, []connectors.Fault{{Function: Name, Text: c.fault}}, faults.List)
				return
			}
			require.Empty(t, faults.List)
			require.Equal(t, c.want, string(out.Records[0].Value))
			require.Equal(t, text(c.key), out.Records[0].Key)
		})
	}
}

func TestSerialize(t *testing.T) {
	for name, c := range map[string]struct{ value, key, want, fault string }{
		"both": {`{"key":{"index":4},"value":[1.50,"x"],"metadata":{}}`, `{"index":4}`,
			`[1.50,"x"]`, ""},
		"no key":    {`{"value":1}`, "", "1", ""},
		"no value":  {`{"key":"k"}`, `"k"`, "", ""},
		"null":      {`{"value":null}`, "", "null", ""},
		"no object": {`[1]`, "", "", "want an object with key and value, not a JSON array"},
		"no JSON":   {`{"key":}`, "", "", "no JSON at byte 7: want a value"},
		"tombstone": {"", "old", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var in, out connectors.Batch
			var faults connectors.Faults
			r := in.Append()
			r.Key, r.Value = []byte("old"), text(c.value)
			require.NoError(t, NewSerializer().Serialize(t.Context(), &in, &out, &faults))
			if c.fault != "" {
				require.Equal(t, []connectors.Fault{{Function: Name, Text: c.fault}}, faults.List)
				return
			}
			require.Empty(t, faults.List)
			require.Equal(t, text(c.key), out.Records[0].Key)
			require.Equal(t, text(c.want), out.Records[0].Value)
		})
	}
}

func FuzzBoth(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`"\u0000"`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		var in, mid, out connectors.Batch
		var faults connectors.Faults
		r := in.Append()
		r.Key, r.Value = key, value
		d := NewDeserializer(connectors.FunctionContext{}, NewOptions())
		require.NoError(t, d.Deserialize(t.Context(), &in, &mid, &faults))
		if len(faults.List) > 0 {
			return
		}
		require.True(t, json.Valid(mid.Records[0].Value))
		require.NoError(t, NewSerializer().Serialize(t.Context(), &mid, &out, &faults))
		if len(faults.List) > 0 {
			require.Contains(t, faults.List[0].Text, "deep")
			return
		}
		require.JSONEq(t, string(key), string(out.Records[0].Key))
		require.JSONEq(t, string(value), string(out.Records[0].Value))
	})
}
