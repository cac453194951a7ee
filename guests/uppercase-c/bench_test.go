package uppercasec_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	uppercasec "github.com/wasmflow/wasmflow/guests/uppercase-c"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

const (
	benchRecords = 2_000 // of 100 bytes, about a frame
	benchValue   = 100
)

// benchLoop calls the export that only benchmarks call.
func benchLoop(t testing.TB, in *guest.Instance, rounds uint64) uint64 {
	bytes, err := in.Export(context.Background(), uppercasec.BenchLoop, rounds)
	require.NoError(t, err)
	return bytes
}

func TestBenchLoop(t *testing.T) {
	in := instantiate(t)
	require.Zero(t, benchLoop(t, in, 1), "there is no frame")
	write(t, in, abi.FrameInfo{}, "one", "", "three")
	require.EqualValues(t, 8, benchLoop(t, in, 1))
	require.EqualValues(t, 24, benchLoop(t, in, 3))
	require.Zero(t, benchLoop(t, in, 0))
	write(t, in, abi.FrameInfo{})
	require.Zero(t, benchLoop(t, in, 5))
}

// BenchmarkLoop is the guest's own work, a record at a time.
func BenchmarkLoop(b *testing.B) {
	in := instantiate(b)
	values := slices.Repeat([]string{strings.Repeat("v", benchValue)}, benchRecords)
	write(b, in, abi.FrameInfo{}, values...)
	rounds := 0
	for b.Loop() {
		benchLoop(b, in, 1)
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
