package guests_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// build compiles a guest of this folder and returns the module's path.
func build(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// opened is a guest in the real sandbox.
type opened struct {
	t        testing.TB
	module   *guest.Module
	instance *guest.Instance
	index    uint32
	function abi.Function
}

func open(t testing.TB, cfg guest.Config, path, function, config string) *opened {
	t.Helper()
	ctx := context.Background()
	rt, err := guest.NewRuntime(cfg)
	require.NoError(t, err)
	m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(ctx)) })
	in, err := m.Instantiate(ctx, guest.InstanceConfig{Config: []byte(config)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close(ctx)) })
	i, err := m.Function(function)
	require.NoError(t, err)
	return &opened{t, m, in, uint32(i), m.Description().Functions[i]}
}

// write puts values into the guest's memory, as records.
func (o *opened) write(values ...string) {
	o.t.Helper()
	l := abi.Layout{Records: len(values), Columns: o.function.ColumnSet()}
	for _, v := range values {
		l.Arena += int64(len(v))
	}
	size, err := l.Size()
	require.NoError(o.t, err)
	region, err := o.instance.Reserve(context.Background(), size)
	require.NoError(o.t, err)
	var e abi.Encoder
	require.NoError(o.t, e.Begin(region, l, abi.FrameInfo{Watermark: abi.NoTimestamp}))
	for _, v := range values {
		require.True(o.t, e.Append(nil, []byte(v), abi.NoTimestamp))
		e.PartitionCount(10)
	}
	e.Finish()
}

// process calls the guest and decodes its output into out.
func (o *opened) process(out *abi.Output, records int) error {
	ptr, err := o.instance.Process(context.Background(), guest.Call{Function: o.index})
	if err != nil {
		return err
	}
	return out.Decode(o.instance.Memory(), ptr, abi.Call{
		Role: o.function.Role, Count: uint32(records), Outputs: len(o.function.Outputs),
	}, abi.DefaultLimits())
}

// run gives the values to the guest and tells what came out, one line an entry.
func (o *opened) run(values ...string) []string {
	o.t.Helper()
	o.write(values...)
	var out abi.Output
	require.NoError(o.t, o.process(&out, len(values)))
	var lines []string
	for i := range out.Len() {
		var e abi.Entry
		out.Read(i, &e)
		line := string(e.Value)
		if e.Flags.Has(abi.OutSameValue) {
			line = values[e.Parent]
		}
		if e.Status == abi.StatusError {
			_, text := out.Error(i)
			line = "error: " + string(text)
		}
		if e.Output != 0 {
			line += " to " + o.function.Outputs[e.Output-1]
		}
		if bucket, ok := out.Bucket(i); ok {
			line = string(bucket)
		}
		if p := out.Partition(i); p != abi.NoPartition {
			line = strings.Repeat("*", int(p))
		}
		lines = append(lines, line)
	}
	return lines
}

// TestGuestsInTheSandbox runs each guest once as a job would load it. What they do is tested
// natively; this is about the build, the exports and the trip through memory.
func TestGuestsInTheSandbox(t *testing.T) {
	tests := []struct {
		name, config string
		in, want     []string
	}{
		{"uppercase", ``, []string{"hello", "", "W\u00f6rld"}, []string{"HELLO", "", "W\u00f6RLD"}},
		{"access-log", `{"key": "client"}`, []string{
			`::1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"`,
			`::1 - - [10/Oct/2000:13:55:36 +0000] "GET /healthz HTTP/1.1" 200 5 "-" "-"`,
			`::1 - -`,
		}, []string{
			`{"time":"2000-10-10T13:55:36Z","client":"::1","user":null,"method":"GET",` +
				`"path":"/","query":null,"protocol":"HTTP/1.1","status":200,"class":"2xx",` +
				`"bytes":5,"referrer":null,"agent":"curl/8","bot":true}`,
			"error: time: not in square brackets",
		}},
		{"json-route", ``, []string{`{"level":"error"}`, `{"level":"debug"}`, `{}`},
			[]string{`{"level":"error"} to errors`, "error: the field is missing"}},
		{"csv-parse", `{"header": true}`, []string{"a,b\n1,2\n3,\"4\"\"\"\n"},
			[]string{`{"a":"1","b":"2"}`, `{"a":"3","b":"4\""}`}},
		{"partition-by-field", `{"field": "id"}`, []string{`{"id":"21"}`, `{}`},
			[]string{"**********"[:murmurOf21%10], "error: the field is missing"}},
		{"bucket-by-field", `{"path": "c={c}/d={@day}"}`, []string{`{"c":"d/e"}`},
			[]string{"c=d%2Fe/d=1970-01-01"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			function := strings.ReplaceAll(tt.name, "-", "_")
			// The interpreter needs no compilation, which is most of the time of such a test.
			path := build(t, tt.name)
			g := open(t, guest.Config{Engine: guest.EngineInterpreter}, path, function, tt.config)
			require.Equal(t, tt.name, g.module.Description().Name)
			require.Equal(t, tt.want, g.run(tt.in...))
			require.Equal(t, tt.want, g.run(tt.in...), "the second call")

			plain := open(t, guest.Config{
				Engine: guest.EngineInterpreter, Metering: guest.MeteringOff,
			}, path, function, tt.config)
			require.Equal(t, tt.want, plain.run(tt.in...))
			require.Equal(t, tt.want, plain.run(tt.in...))
			requireSameMemory(t, plain, g)
		})
	}
}

// requireSameMemory requires that metering changes nothing a guest does, down to the last byte.
func requireSameMemory(t *testing.T, plain, metered *opened) {
	t.Helper()
	require.True(t, bytes.Equal(plain.instance.Memory(), metered.instance.Memory()),
		"the guest left another memory behind when it was metered")
}

// TestCommittedGuestsAreTheSameMetered compares those that are not built here, on the compiler.
func TestCommittedGuestsAreTheSameMetered(t *testing.T) {
	values := []string{"hello", "", strings.Repeat("abcXYZ.", 100), "trap"}
	for path, functions := range map[string][]string{
		"uppercase-c/uppercase_c.wasm":        {"uppercase"},
		"uppercase-c/uppercase_c_scalar.wasm": {"uppercase"},
		"hostile/modules/records.wasm":        {"grow", "scribble", "random_flood", "sleep"},
	} {
		for _, function := range functions {
			t.Run(function+" of "+path, func(t *testing.T) {
				metered := open(t, guest.Config{}, path, function, "")
				plain := open(t, guest.Config{Metering: guest.MeteringOff}, path, function, "")
				for range 3 {
					require.Equal(t, plain.run(values...), metered.run(values...))
				}
				requireSameMemory(t, plain, metered)
			})
		}
	}
}

// murmurOf21 is the hash of the key "21", without its sign, in Kafka's own test.
const murmurOf21 = -973932308 & 0x7fffffff

// BenchmarkGuests measures guests on frames of 2,048 records: what is measured is the guest, the
// entry into it and the check of its output.
func BenchmarkGuests(b *testing.B) {
	const records = 2048
	benchmarks := []struct{ name, value string }{
		{"uppercase", strings.Repeat("abcdefghij", 10)},
		{"access-log", `203.0.113.9 - - [10/Oct/2000:13:55:36 +0000] "GET /index.html?a=b ` +
			`HTTP/1.1" 200 5120 "https://example.org/" "Mozilla/5.0 (X11; Linux x86_64)"`},
		{"json-route", `{"id":123,"level":"error","msg":"disk full","tags":["a","b"]}`},
	}
	for _, bb := range benchmarks {
		b.Run(bb.name, func(b *testing.B) {
			function := strings.ReplaceAll(bb.name, "-", "_")
			g := open(b, guest.Config{}, build(b, bb.name), function, ``)
			values := make([]string, records)
			for i := range values {
				values[i] = bb.value
			}
			g.write(values...)
			var out abi.Output
			b.ReportAllocs()
			for b.Loop() {
				if err := g.process(&out, records); err != nil {
					b.Fatal(err)
				}
			}
			ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / records
			b.ReportMetric(ns, "ns/record")
		})
	}
}
