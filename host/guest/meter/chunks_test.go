package meter_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/wasmflow/wasmflow/host/guest/meter"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// bulkModule exports fill, copy and init of a segment, all (i32, i32, i32) -> (). Its memory of
// 6 MiB begins with what init makes of the segment.
func bulkModule(segment []byte) []byte {
	operands := Join(localGet(0), localGet(1), localGet(2))
	return Module(
		Section(Types, Vec(Type([]byte{I32, I32, I32}, nil))),
		Section(Functions, Vec(U32(0), U32(0), U32(0))),
		Section(Memories, Vec([]byte{0, 96})),
		Section(Exports, Vec(Export("fill", Func, 0), Export("copy", Func, 1), Export("init", Func, 2))),
		Section(DataCount, U32(1)),
		Section(Code, Vec(Body(Join(operands, []byte{0xfc, 11, 0})...),
			Body(Join(operands, []byte{0xfc, 10, 0, 0})...),
			Body(Join(operands, []byte{0xfc, 8, 0, 0})...))),
		Section(Data, Vec(Join([]byte{1}, Name(string(segment))))),
	)
}

// TestLargeRanges moves ranges of several chunks, to every side and over every edge, as the module
// stands and rewritten.
func TestLargeRanges(t *testing.T) {
	const mib, size = 1 << 20, 6 << 20
	segment := make([]byte, 3*mib+5)
	for i := range segment {
		segment[i] = byte(i * i >> 7)
	}
	module := bulkModule(segment)
	calls := []struct {
		name string
		args [3]uint64
	}{
		{"init", [3]uint64{0, 0, uint64(len(segment))}},
		{"init", [3]uint64{3 * mib, 17, 2*mib + 1}},
		{"copy", [3]uint64{0, 100, 3 * mib}},
		{"copy", [3]uint64{100, 0, 3 * mib}},
		{"copy", [3]uint64{mib - 1, mib, 4*mib + 1}},
		{"copy", [3]uint64{mib, mib - 1, 4*mib + 1}},
		{"copy", [3]uint64{5, 5, 4 * mib}},
		{"copy", [3]uint64{2 * mib, 0, mib}},
		{"fill", [3]uint64{7, 0xab, 2*mib + 3}},
		{"fill", [3]uint64{0, 1, mib + 1}},
		// Nothing is written by what goes beyond, and all that goes beyond is found out.
		{"init", [3]uint64{0, 1, uint64(len(segment))}},
		{"init", [3]uint64{size - 2*mib, 0, 2*mib + 1}},
		{"init", [3]uint64{0, 1<<32 - 1, 2 * mib}},
		{"copy", [3]uint64{size - 2*mib, 0, 2*mib + 1}},
		{"copy", [3]uint64{0, size - 2*mib, 2*mib + 1}},
		{"copy", [3]uint64{1<<32 - mib, 0, 2 * mib}},
		{"fill", [3]uint64{size - 2*mib, 9, 2*mib + 1}},
		{"fill", [3]uint64{1<<32 - mib, 9, 2 * mib}},
		{"fill", [3]uint64{0, 9, 1<<32 - 1}},
	}
	ctx := context.Background()
	metered := instance(t, module)
	plain, err := newRuntime(t, wazero.NewRuntimeConfig()).Instantiate(ctx, module)
	require.NoError(t, err)
	for i, c := range calls {
		at := fmt.Sprintf("%d: %s %v", i, c.name, c.args)
		_, want := plain.ExportedFunction(c.name).Call(ctx, c.args[:]...)
		arm(t, metered, budget)
		_, got := metered.ExportedFunction(c.name).Call(ctx, c.args[:]...)
		require.Equal(t, reason(want), reason(got), at)
		requireSameMemory(t, plain, metered, at)
	}
}

// TestLargeRangesAreLeft holds M6: what moves more than a chunk leaves to the host on the way, so
// that it can be stopped and the collector gets in; what moves a chunk does not.
func TestLargeRangesAreLeft(t *testing.T) {
	const chunk = 1 << 20
	segment := make([]byte, 2*chunk)
	for _, c := range []struct {
		name string
		size uint64
		left bool
	}{
		{"fill", chunk, false}, {"copy", chunk, false}, {"init", chunk, false},
		{"fill", chunk + 1, true}, {"copy", chunk + 1, true}, {"init", chunk + 1, true},
		{"fill", 2 * chunk, true}, {"copy", 2 * chunk, true}, {"init", 2 * chunk, true},
	} {
		t.Run(fmt.Sprintf("%s %d", c.name, c.size), func(t *testing.T) {
			m := instance(t, bulkModule(segment))
			arm(t, m, budget)
			set(t, m, meter.GlobalStop, meter.Stop)
			to, from := uint64(3*chunk), uint64(0)
			_, err := m.ExportedFunction(c.name).Call(context.Background(), to, from, c.size)
			if !c.left {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, int64(meter.Stopped), get(t, m, meter.GlobalStop))
		})
	}
}
