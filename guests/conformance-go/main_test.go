package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestFunctions(t *testing.T) {
	tests := []struct {
		function, value string
		want            []string
	}{
		{"echo", "Hello", []string{"Hello"}},
		{"upper", "aZ{`\u00e4", []string{"AZ{`\u00e4"}},
		{"drop-odd", "4", []string{"4"}},
		{"drop-odd", "3", nil},
		{"fail-odd", "4", []string{"4"}},
		{"fail-odd", "3", []string{"error: odd"}},
		{"crash-odd", "4", []string{"4"}},
		{"repeat", "3", []string{"0", "1", "2"}},
		{"repeat", "0", nil},
		{"swap", "v", []string{"key"}},
		{"log", "3", []string{"error: odd"}},
		{"greet", "you", []string{"hello you"}},
		{"lines", "a\n\nb\n", []string{"a", "b"}},
		{"lines", "END", []string{"<end of stream>"}},
		{"lines", "", nil},
		{"pair", "v", []string{"key=v"}},
		{"sleep", "0", []string{"0"}},
		{"hoard", "4", []string{"4"}},
		{"metrics", "3", []string{"error: odd"}},
		{"settings", "", []string{"times=1 loud=false"}},
	}
	g := sdktest.Open(t, "")
	for _, tt := range tests {
		t.Run(tt.function+" "+tt.value, func(t *testing.T) {
			for _, soft := range []uint32{0, 1} {
				g.SoftRecords = soft
				got := sdktest.Values(g.Run(tt.function, sdktest.KeyValue("key", tt.value)))
				require.Equal(t, tt.want, got)
			}
		})
	}
}

func TestParts(t *testing.T) {
	g := sdktest.Open(t, "")
	out := g.Run("route", sdktest.Value("3"), sdktest.Value("4"))
	require.Equal(t, "odd", out[0].Name)
	require.Equal(t, "t-3", out[0].Target)
	require.Equal(t, 3, out[0].Partition)
	require.Empty(t, out[1].Name)

	out = g.Run("headers", sdktest.Record{Headers: []sdktest.Header{{Key: "a"}}})
	require.Equal(t, []sdktest.Header{{Key: "a"}, {Key: "count", Value: []byte("1")}},
		out[0].Headers)

	out = g.Run("edit-headers", sdktest.Record{
		Value:   []byte("v"),
		Headers: []sdktest.Header{{Key: "a"}, {Key: "b"}, {Key: "empty"}},
	})
	require.Equal(t, []sdktest.Header{{Key: "b"}, {Key: "empty", Value: []byte("v")}},
		out[0].Headers)

	out = g.Run("nulls", sdktest.Value(""))
	require.Nil(t, out[0].Value)
	require.NotNil(t, out[0].Key)
	require.Empty(t, out[0].Key)

	out = g.Run("restamp", sdktest.Record{Timestamp: time.UnixMilli(5)}, sdktest.Record{})
	require.True(t, out[0].Timestamp.Equal(time.UnixMilli(6)))
	require.True(t, out[1].Timestamp.Equal(time.UnixMilli(0)))

	require.Contains(t, g.Run("crash-odd", sdktest.Value("3"))[0].Error.Text,
		"panic: an odd record (functions.go:")
	require.Nil(t, g.Run("pair", sdktest.KeyValue("k", "v"))[0].Key)
	require.Nil(t, g.Run("upper", sdktest.Record{})[0].Value)
	require.Equal(t, []string{"s/1/2/3"}, sdktest.Values(g.Run("origin", sdktest.Record{
		Origin: sdktest.Origin{Split: "s", PositionHi: 1, PositionLo: 2, Ordinal: 3},
	})))
	require.Len(t, g.Run("random", sdktest.Value(""))[0].Value, 32)
	require.NotEmpty(t, g.Run("clock", sdktest.Value(""))[0].Value)

	g.Run("log", sdktest.Value("4"))
	require.Equal(t, []sdktest.Log{{Level: 1, Text: "4"}}, g.Logs)
	require.Equal(t, []sdktest.Metric{{Kind: "counter", Name: "logged", Value: 1}}, g.Metrics)
}

func TestAnswers(t *testing.T) {
	g := sdktest.Open(t, "")
	require.Equal(t, []int{0, 2, -1}, g.RunPartitioner("length", 3, sdktest.Value("abc"),
		sdktest.Value("ab"), sdktest.Value("")))
	require.Equal(t, []string{"initial=x"}, g.RunBucketer("initial", sdktest.Value("xy")))
	require.Equal(t, "null", g.Run("length", sdktest.Record{Partitions: 1})[0].Error.Text)
	require.EqualValues(t, codeFailed, g.Run("initial", sdktest.Value(""))[0].Error.Code)
}

func TestSettings(t *testing.T) {
	g := sdktest.Open(t, `{"greeting": "hi "}`)
	require.Equal(t, []string{"hi you"}, sdktest.Values(g.Run("greet", sdktest.Value("you"))))
	require.Equal(t, "greeting", sdktest.Refusal(t, `{"greeting": ""}`).Field)
}
