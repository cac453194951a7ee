package envelope

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func TestAppendRecord(t *testing.T) {
	tests := []struct {
		name   string
		record connectors.Record
		want   string
	}{
		{"value alone", connectors.Record{
			Value: []byte("a\n\"b\"\\\x01"), Timestamp: connectors.NoTimestamp,
		}, `{"value":"a\n\"b\"\\\u0001"}`},
		{"null value and empty key", connectors.Record{Key: []byte{}, Timestamp: 5},
			`{"value":null,"key":"","timestamp":5}`},
		{"bytes that are no text", connectors.Record{
			Value: []byte{0xff, 0}, Timestamp: connectors.NoTimestamp,
		}, `{"value_base64":"/wA="}`},
		{"headers in order, null included", connectors.Record{
			Value: []byte("v"), Timestamp: connectors.NoTimestamp,
			Headers: []connectors.Header{
				{Key: "b", Value: []byte("1")}, {Key: "a"}, {Key: "b", Value: []byte{}},
			},
		}, `{"value":"v","headers":[{"key":"b","value":"1"},{"key":"a","value":null},` +
			`{"key":"b","value":""}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, string(AppendRecord(nil, &tt.record)))
		})
	}
}

func FuzzAppendRecord(f *testing.F) {
	f.Add([]byte("plain"), "header", []byte{0xff})
	f.Add([]byte("\u2028\x00\x7f"), "\xc3", []byte(nil))
	f.Fuzz(func(t *testing.T, value []byte, key string, header []byte) {
		r := connectors.Record{
			Value: value, Timestamp: connectors.NoTimestamp,
			Headers: []connectors.Header{{Key: key, Value: header}},
		}
		line := AppendRecord(nil, &r)
		var got struct {
			Value       *string
			ValueBase64 string `json:"value_base64"`
		}
		require.NoError(t, json.Unmarshal(line, &got), "%q", line)
		require.NotContains(t, string(line), "\n")
		if value == nil {
			require.Nil(t, got.Value)
		} else if utf8.Valid(value) {
			require.Equal(t, string(value), *got.Value)
		} else {
			raw, err := base64.StdEncoding.DecodeString(got.ValueBase64)
			require.NoError(t, err)
			require.Equal(t, value, raw)
		}
	})
}
