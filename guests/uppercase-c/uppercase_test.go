package uppercasec_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	uppercasec "github.com/wasmflow/wasmflow/guests/uppercase-c"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// The modules are compiled once for all tests.
var upperModule, scalarModule *guest.Module

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	ctx := context.Background()
	rt, err := guest.NewRuntime(guest.Config{})
	if err == nil {
		upperModule, err = rt.Load(ctx,
			guest.Source{Path: "uppercase_c.wasm", Bytes: uppercasec.Module()}, guest.Limits{})
	}
	if err == nil {
		scalarModule, err = rt.Load(ctx,
			guest.Source{Path: "uppercase_c_scalar.wasm", Bytes: uppercasec.Scalar()}, guest.Limits{})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _, _ = upperModule.Close(ctx), scalarModule.Close(ctx) }()
	return m.Run()
}

func open(t testing.TB, limits operator.Limits) *operator.Transform {
	t.Helper()
	return openModule(t, upperModule, limits)
}

func openModule(t testing.TB, m *guest.Module, limits operator.Limits) *operator.Transform {
	t.Helper()
	tr, err := operator.NewTransform(context.Background(), operator.Config{
		Module: m, Function: uppercasec.Function, Limits: limits,
		Now: func() time.Time { return time.Unix(1_800_000_000, 0) },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// upper is the native function: bytes.ToUpper for ASCII.
func upper(v []byte) []byte {
	if v == nil {
		return nil
	}
	out := make([]byte, len(v))
	for i, c := range v {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		out[i] = c
	}
	return out
}

func TestDescription(t *testing.T) {
	d := upperModule.Description()
	require.Equal(t, "uppercase-c", d.Name)
	require.Len(t, d.Functions, 1)
	require.Equal(t, "uppercase", d.Functions[0].Name)
	require.EqualValues(t, "transform", d.Functions[0].Role)
	require.Empty(t, d.Functions[0].Columns)
}

// batch makes records of every kind of key, value, timestamp and headers.
func batch(values ...[]byte) *connectors.Batch {
	b := &connectors.Batch{Splits: []string{"s"}}
	for i, v := range values {
		r := b.Append()
		r.Value = v
		r.Position.Lo = uint64(i)
		if i%3 != 0 {
			r.Key = fmt.Appendf([]byte{}, "key-%d", i)
			r.Timestamp = int64(i)
		}
		if i%5 == 1 {
			r.Headers = []connectors.Header{{Key: "h", Value: []byte("x")}, {Key: "null"}}
		}
	}
	return b
}

// requireUpper runs in and requires each record to come back with its value in upper case and all
// else as it was.
func requireUpper(t *testing.T, tr *operator.Transform, in *connectors.Batch) {
	t.Helper()
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, tr.Transform(context.Background(), in, out, faults))
	require.Empty(t, faults.List)
	require.Equal(t, in.Len(), out.Len())
	for i := range in.Records {
		want, got := in.Records[i], out.Records[i]
		want.Value, want.Ordinal = upper(want.Value), got.Ordinal
		if !bytes.Equal(want.Value, got.Value) || (want.Value == nil) != (got.Value == nil) {
			require.Failf(t, "wrong value", "record %d: %.100q becomes %.100q", i,
				in.Records[i].Value, got.Value)
		}
		want.Value, got.Value = nil, nil
		require.Equal(t, want, got, "record %d", i)
	}
}

func TestValues(t *testing.T) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	text := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog. ", 3))
	require.Equal(t, bytes.ToUpper(text), upper(text))
	var lengths [][]byte
	for n := range 70 {
		lengths = append(lengths, text[:n])
	}
	tests := map[string][][]byte{
		"no records":     {},
		"null":           {nil},
		"empty":          {{}},
		"null among all": {[]byte("a"), nil, {}, []byte("b"), nil},
		"every byte":     {every},
		"UTF-8 stays":    {[]byte("stra\u00dfe \u00e9t\u00e9 \u4e16")},
		"every length":   lengths,
		"4 MiB":          {bytes.Repeat([]byte("abcdefgh"), 1<<19), []byte("small")},
		"many big":       slicesOf(9, bytes.Repeat([]byte("x"), 300_000)),
		"many":           slicesOf(9_000, []byte("hello, world")),
		"many empty":     slicesOf(9_000, []byte{}),
	}
	for name, values := range tests {
		t.Run(name, func(t *testing.T) {
			for _, m := range []*guest.Module{upperModule, scalarModule} {
				tr := openModule(t, m, operator.Limits{})
				for range 2 { // the second batch finds the memory of the first one used
					requireUpper(t, tr, batch(values...))
				}
			}
		})
	}
}

func slicesOf(n int, v []byte) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestRandomBatches varies sizes so that regions grow and shrink between calls.
func TestRandomBatches(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, seed))
	tr := open(t, operator.Limits{FrameBytes: 4 << 10})
	for range 30 {
		values := make([][]byte, random.IntN(200))
		for i := range values {
			if random.IntN(10) == 0 {
				continue
			}
			v := make([]byte, random.IntN(1<<random.IntN(14)))
			for k := range v {
				v[k] = byte(random.Uint32())
			}
			values[i] = v
		}
		requireUpper(t, tr, batch(values...))
	}
}

// TestAValueLargerThanMemoryIsAFault: input and output have to fit together.
func TestAValueLargerThanMemoryIsAFault(t *testing.T) {
	ctx := context.Background()
	rt, err := guest.NewRuntime(guest.Config{})
	require.NoError(t, err)
	m, err := rt.Load(ctx, guest.Source{Path: "uppercase_c.wasm", Bytes: uppercasec.Module()},
		guest.Limits{MemoryBytes: 4 << 20})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(ctx)) })
	tr := openModule(t, m, operator.Limits{})
	in := batch([]byte("before"), bytes.Repeat([]byte("x"), 3<<20), []byte("after"))
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, tr.Transform(ctx, in, out, faults))
	require.Len(t, faults.List, 1)
	require.Equal(t, 1, faults.List[0].Index)
	require.Equal(t, "no memory for the value", faults.List[0].Text)
	require.Equal(t, 2, out.Len())
	require.Equal(t, "BEFORE", string(out.Records[0].Value))
	require.Equal(t, "AFTER", string(out.Records[1].Value))
}

func TestNothingIsAllocatedPerRecord(t *testing.T) {
	tr := open(t, operator.Limits{})
	in := batch(slicesOf(1_000, bytes.Repeat([]byte("v"), 100))...)
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	run := func() {
		out.Reset()
		if err := tr.Transform(context.Background(), in, out, faults); err != nil {
			panic(err)
		}
	}
	run()
	require.Less(t, testing.AllocsPerRun(20, run), 20.0, "for 1,000 records")
}
