package wasmflow_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func values(t *testing.T, name string, records ...string) []string {
	t.Helper()
	var in []sdktest.Record
	for _, v := range records {
		in = append(in, sdktest.KeyValue("key", v))
	}
	return sdktest.Values(sdktest.Open(t, "").Run(name, in...))
}

func TestEmitting(t *testing.T) {
	g := sdktest.Open(t, "")
	in := sdktest.Record{
		Key: []byte("k"), Value: []byte("v"), Timestamp: time.UnixMilli(1000),
		Headers: []sdktest.Header{{Key: "h", Value: []byte("1")}},
	}
	out := func(edit func(o *sdktest.Output)) sdktest.Output {
		o := sdktest.Output{
			Key: in.Key, Value: in.Value, Timestamp: in.Timestamp, Headers: in.Headers,
			Partition: -1,
		}
		edit(&o)
		return o
	}
	same := func(*sdktest.Output) {}
	header := func(key, value string) sdktest.Header {
		return sdktest.Header{Key: key, Value: []byte(value)}
	}
	tests := []struct {
		name string
		want []sdktest.Output
	}{
		{"forward", []sdktest.Output{out(same)}},
		{"upper", []sdktest.Output{out(func(o *sdktest.Output) { o.Value = []byte("V") })}},
		{"swap", []sdktest.Output{
			out(func(o *sdktest.Output) { o.Key, o.Value = in.Value, in.Key }),
		}},
		{"rekey", []sdktest.Output{
			out(func(o *sdktest.Output) { o.Key = []byte("new") }),
			out(func(o *sdktest.Output) { o.Key = nil }),
			out(func(o *sdktest.Output) { o.Value = nil }),
		}},
		{"time", []sdktest.Output{
			out(func(o *sdktest.Output) { o.Timestamp = time.UnixMilli(1001) }),
			out(func(o *sdktest.Output) { o.Timestamp = time.Time{} }),
			out(func(o *sdktest.Output) { o.Timestamp = g.BatchTime }),
		}},
		{"place", []sdktest.Output{
			out(same),
			out(func(o *sdktest.Output) { o.Name, o.Target, o.Partition = "late", "topic-a", 3 }),
			out(func(o *sdktest.Output) { o.Name, o.Target = "bad", "v" }),
		}},
		{"add_header", []sdktest.Output{out(func(o *sdktest.Output) {
			o.Headers = []sdktest.Header{header("h", "1"), header("added", "1"), {Key: "null"}}
		})}},
		{"set_header", []sdktest.Output{
			out(func(o *sdktest.Output) { o.Headers = []sdktest.Header{header("only", "")} }),
			out(func(o *sdktest.Output) { o.Headers = nil }),
		}},
		{"mix_headers", []sdktest.Output{
			out(func(o *sdktest.Output) {
				o.Headers = []sdktest.Header{header("h", "1"), {Key: "a"}, {Key: "a2"}}
			}),
			out(func(o *sdktest.Output) {
				o.Headers = []sdktest.Header{{Key: "b1"}, {Key: "b2"}}
			}),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, g.Run(tt.name, in))
		})
	}
}

func TestNullAndEmptyAreDifferent(t *testing.T) {
	g := sdktest.Open(t, "")
	for _, r := range []sdktest.Record{
		{}, {Key: []byte{}}, {Value: []byte{}}, {Key: []byte{}, Value: []byte{}},
	} {
		out := g.Run("swap", r)
		require.Equal(t, r.Value, out[0].Key)
		require.Equal(t, r.Key, out[0].Value)
	}
}

func TestReading(t *testing.T) {
	g := sdktest.Open(t, "")
	require.Equal(t, []string{`"1" true 2`, `"" true 1`, `"" false 0`}, sdktest.Values(
		g.Run("first_header",
			sdktest.Record{Headers: []sdktest.Header{
				{Key: "h", Value: []byte("1")}, {Key: "h", Value: []byte("2")},
			}},
			sdktest.Record{Headers: []sdktest.Header{{Key: "h"}}},
			sdktest.Record{})))
	require.Equal(t, []string{"orders-3 1 2 3 4 5", " 0 0 0 0 0"}, sdktest.Values(g.Run("origin",
		sdktest.Record{
			Origin:   sdktest.Origin{Split: "orders-3", PositionHi: 1, PositionLo: 2, Ordinal: 3},
			KeyGroup: 4, SchemaID: 5,
		}, sdktest.Record{})))
}

func TestOneToMany(t *testing.T) {
	require.Equal(t, []string{"a", "b", "", "c"}, values(t, "split", "a,b,", "c"))
}

func TestFailures(t *testing.T) {
	g := sdktest.Open(t, "")
	var in []sdktest.Record
	for _, v := range []string{"ok", "drop", "code", "wrapped", "panic", "index", "long", "?", "ok"} {
		in = append(in, sdktest.Value(v))
	}
	out := g.Run("fails", in...)
	require.Len(t, out, 8)
	require.Equal(t, 1, g.Calls, "a failure does not end the call")
	require.Equal(t, "gone", string(out[0].Value))
	want := []struct {
		parent int
		code   uint32
		text   string
	}{
		{2, 42, "with a code"},
		{3, 7, "parsing: inner"},
		{4, 0, "panic: boom (plugin_test.go:"},
		{5, 0, "panic: runtime error: slice bounds out of range [100:5] (plugin_test.go:"},
		{6, 0, strings.Repeat("\u20ac", 1365)},
		{7, 0, "plain"},
	}
	for i, w := range want {
		got := out[i+1]
		require.NotNil(t, got.Error)
		require.Equal(t, w.parent, got.Parent)
		require.Equal(t, w.code, got.Error.Code)
		require.True(t, strings.HasPrefix(got.Error.Text, w.text), got.Error.Text)
	}
	require.LessOrEqual(t, len(out[5].Error.Text), 4096)
	last := out[7]
	require.Equal(t, 8, last.Parent)
	require.Equal(t, "gone", last.Target)
	require.Equal(t, []sdktest.Header{{Key: "gone"}}, last.Headers)
}

func TestMisuse(t *testing.T) {
	for value, want := range map[string]string{
		"origin":    "wasmflow.Reads(wasmflow.Source)",
		"output":    "function misuse has no output nowhere",
		"end":       "a transform cannot end the stream",
		"partition": "partition out of range",
		"header":    "header index out of range",
	} {
		require.Contains(t, values(t, "misuse", value)[0], want)
	}
	require.Contains(t, values(t, "undeclared", "x")[0], "wasmflow.Reads(wasmflow.Headers)")
}

func TestSoftLimits(t *testing.T) {
	in := []sdktest.Record{
		sdktest.Value("a,b,c"), sdktest.Value("d"), sdktest.Value("e,f"), sdktest.Value("g"),
	}
	want := []string{"a", "b", "c", "d", "e", "f", "g"}
	tests := []struct {
		name           string
		records, bytes uint32
		calls          int
	}{
		{"none", 0, 0, 1},
		{"records", 2, 0, 3}, // abc, d ef, g
		{"bytes", 0, 1, 4},
		{"far", 1000, 1000, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := sdktest.Open(t, "")
			g.SoftRecords, g.SoftBytes = tt.records, tt.bytes
			require.Equal(t, want, sdktest.Values(g.Run("split", in...)))
			require.Equal(t, tt.calls, g.Calls)
		})
	}
}

func TestContinue(t *testing.T) {
	g := sdktest.Open(t, "")
	g.SoftRecords = 10
	out := g.Run("count", sdktest.Value("25"), sdktest.Value("0"), sdktest.Value("3"))
	require.Len(t, out, 28)
	require.Equal(t, 3, g.Calls)
	for i := range 25 {
		require.Equal(t, strconv.Itoa(i), string(out[i].Value))
	}
	require.Equal(t, 2, out[25].Parent)

	require.Equal(t, []string{"3", "3"}, sdktest.Values(
		g.Run("slow", sdktest.Value(""), sdktest.Value(""))))
	require.Equal(t, 1, g.Calls, "a record without output is continued in the same call")

	require.Equal(t, []string{"x", "error: late", "y", "error: late"}, sdktest.Values(
		g.Run("fails_late", sdktest.Value("x"), sdktest.Value("y"))))
}

func TestEndOfStream(t *testing.T) {
	require.Equal(t, []string{"a", "<end of stream>", "b"}, values(t, "lines", "a\nEND\nx", "b"))
}

func TestPartitioner(t *testing.T) {
	g := sdktest.Open(t, "")
	require.Equal(t, []int{0, 2, -1}, g.RunPartitioner("by_length", 3,
		sdktest.Value("a"), sdktest.Value("abc"), sdktest.Value("")))
	in := []sdktest.Record{sdktest.Value("abcd"), {}}
	in[0].Partitions, in[1].Partitions = 3, 3
	out := g.Run("by_length", in...)
	require.Equal(t, "partition 3 of 3", out[0].Error.Text)
	require.Equal(t, wasmflow.Error{Code: 9, Text: "no value"}, *out[1].Error)
}

func TestBucketer(t *testing.T) {
	g := sdktest.Open(t, "")
	require.Equal(t, []string{"v=a", "v=b", "v=a"}, g.RunBucketer("by_value",
		sdktest.Value("a"), sdktest.Value("b"), sdktest.Value("a")))
	require.Equal(t, "no value", g.Run("by_value", sdktest.Value(""))[0].Error.Text)
	require.Equal(t, []string{"v=b"}, g.RunBucketer("by_value", sdktest.Value("b")))
}

func TestSerializer(t *testing.T) {
	out := sdktest.Open(t, "").Run("serialize", sdktest.KeyValue("k", "v"))
	require.Equal(t, "k", string(out[0].Value))
}

func TestBuffers(t *testing.T) {
	out := sdktest.Open(t, "").Run("buffers", sdktest.Value("record"), sdktest.Value("record"))
	require.Len(t, out, 16)
	for _, half := range [][]sdktest.Output{out[:8], out[8:]} {
		var got []string
		for _, o := range half {
			v := string(o.Value)
			if len(v) > 6 {
				v = v[:1] + strconv.Itoa(len(v))
			}
			got = append(got, string(o.Key)+"="+v)
		}
		require.Equal(t, []string{"second=first", "key=value", "=d100", "again=again", "=ain",
			"ecord=own", "=x1048576", "=end"}, got)
	}
}

func TestRandomFollowsFromTheFrame(t *testing.T) {
	run := func(seed uint64, soft uint32) []string {
		g := sdktest.Open(t, "")
		g.Seed, g.SoftRecords = seed, soft
		return sdktest.Values(g.Run("random", sdktest.Value(""), sdktest.Value("")))
	}
	a := run(1, 0)
	require.Equal(t, a, run(1, 0))
	require.Equal(t, a, run(1, 1), "where a call ends makes no difference")
	require.NotEqual(t, a, run(2, 0))
	seen := map[string]bool{}
	for _, v := range a {
		require.False(t, seen[v])
		seen[v] = true
	}
}

func TestLogsAndMetrics(t *testing.T) {
	g := sdktest.Open(t, "")
	require.Empty(t, g.Run("tell", sdktest.Value("hello")))
	require.Equal(t, []sdktest.Log{{Level: wasmflow.LevelWarn, Text: "tell hello"}}, g.Logs)
	require.Equal(t, []sdktest.Metric{
		{Kind: "counter", Name: "seen", Value: 1}, {Kind: "gauge", Name: "size", Value: 5},
		{Kind: "histogram", Name: "seconds", Value: 0.5},
	}, g.Metrics)
}

func TestRegistrationRefusals(t *testing.T) {
	f := transforms["forward"]
	tests := []struct {
		name string
		do   func()
		want string
	}{
		{"name", func() { wasmflow.Transform("a b", f) }, "function name a b is not letters"},
		{"plugin name", func() { wasmflow.Plugin("", "1") }, "plugin name"},
		{"nil", func() { wasmflow.Transform("x", nil) }, "function x is nil"},
		{"twice", func() { wasmflow.Transform("upper", f) }, "function upper is registered twice"},
		{"column", func() { wasmflow.Transform("x", f, wasmflow.Reads("pos")) }, "unknown column pos"},
		{"outputs", func() { wasmflow.Serializer("x", f, wasmflow.Outputs("o")) },
			"a serializer has one output"},
		{"output twice", func() { wasmflow.Transform("x", f, wasmflow.Outputs("o", "o")) },
			"output o twice"},
		{"output name", func() { wasmflow.Transform("x", f, wasmflow.Outputs("o.p")) },
			"output name o.p"},
		{"config twice", func() { wasmflow.Config(&config) }, "Config is called twice"},
		{"config nil", func() { wasmflow.Config[testConfig](nil) }, "wants a pointer to a struct"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() { require.Contains(t, fmt.Sprint(recover()), tt.want) }()
			tt.do()
		})
	}
}
