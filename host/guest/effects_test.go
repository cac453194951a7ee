package guest_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// TestNamesOfMetricsAreBounded: all instances of a module together have 256.
func TestNamesOfMetricsAreBounded(t *testing.T) {
	ctx := context.Background()
	const nameAt = 2 << 10 // the last four bytes of the name are those of the cursor
	process := Join(
		I32Const(nameAt+4), []byte{0x20, 2, 0xa7, 0x36, 0, 0}, // i32.store of the cursor
		I32Const(0), I32Const(nameAt), I32Const(8), []byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, Call(0),
		I32Const(0))
	m, err := load(t, Guest{
		Imports: [][]byte{Import("wasmflow", "metric", Func, TypeMetric)},
		Data:    [][]byte{DataAt(nameAt, []byte("name"))}, Process: process,
	}.Module(), guest.Limits{})
	require.NoError(t, err)
	names := map[string]bool{}
	for instance := range 4 {
		var rec recorder
		in := instantiate(t, m, guest.InstanceConfig{Metrics: &rec})
		for i := range 100 {
			suffix := fmt.Sprintf("%d_%02d", instance, i)
			_, err := in.Process(ctx, guest.Call{Cursor: uint64(binary.LittleEndian.Uint32([]byte(suffix)))})
			require.NoError(t, err)
		}
		in.Settle(1, false, func(uint32) bool { return false })
		for _, line := range rec.metrics {
			names[line] = true
		}
	}
	require.Len(t, names, 256)
	require.True(t, names["0 name0_00 1"])
	require.True(t, names["0 name1_99 1"])
	require.False(t, names["0 name3_99 1"])
}
