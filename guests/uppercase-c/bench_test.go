package uppercasec_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	uppercasec "github.com/wasmflow/wasmflow/guests/uppercase-c"
	"github.com/wasmflow/wasmflow/host/operator"
)

const (
	benchRecords = 2_000 // of 100 bytes, about a frame
	benchValue   = 100
)

// loopAlone is the module on the bare engine, for the export that only benchmarks call.
func loopAlone(t testing.TB) (mod api.Module, call func(name string, args ...uint64) uint64) {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	t.Cleanup(func() { require.NoError(t, rt.Close(ctx)) })
	mod, err := rt.Instantiate(ctx, uppercasec.Module())
	require.NoError(t, err)
	return mod, func(name string, args ...uint64) uint64 {
		results, err := mod.ExportedFunction(name).Call(ctx, args...)
		require.NoError(t, err)
		return results[0]
	}
}

// writeAlone puts a frame of n records into the module's region.
func writeAlone(t testing.TB, mod api.Module, call func(string, ...uint64) uint64, n int) {
	t.Helper()
	layout := abi.Layout{Records: n, Arena: int64(n) * benchValue}
	size, err := layout.Size()
	require.NoError(t, err)
	region, ok := mod.Memory().Read(uint32(call(abi.ExportReserve, uint64(size))), size)
	require.True(t, ok)
	var enc abi.Encoder
	require.NoError(t, enc.Begin(region, layout, abi.FrameInfo{}))
	value := bytes.Repeat([]byte("v"), benchValue)
	for range n {
		require.True(t, enc.Append(nil, value, abi.NoTimestamp))
	}
	enc.Finish()
}

func TestBenchLoop(t *testing.T) {
	mod, call := loopAlone(t)
	require.Zero(t, call(uppercasec.BenchLoop, 1), "there is no frame")
	writeAlone(t, mod, call, 7)
	require.EqualValues(t, 7*benchValue, call(uppercasec.BenchLoop, 1))
	require.EqualValues(t, 3*7*benchValue, call(uppercasec.BenchLoop, 3))
	require.Zero(t, call(uppercasec.BenchLoop, 0))
	writeAlone(t, mod, call, 0)
	require.Zero(t, call(uppercasec.BenchLoop, 5))
}

// BenchmarkLoop is the guest's own work, a record at a time.
func BenchmarkLoop(b *testing.B) {
	mod, call := loopAlone(b)
	writeAlone(b, mod, call, benchRecords)
	rounds := 0
	for b.Loop() {
		call(uppercasec.BenchLoop, 1)
		rounds++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*benchRecords), "ns/record")
}

// BenchmarkTransform is the same work with everything around it: frame, call, output.
func BenchmarkTransform(b *testing.B) {
	tr := open(b, operator.Limits{})
	in := batch(slicesOf(benchRecords, bytes.Repeat([]byte("v"), benchValue))...)
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	rounds := 0
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := tr.Transform(context.Background(), in, out, faults); err != nil {
			b.Fatal(err)
		}
		rounds++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*benchRecords), "ns/record")
}
