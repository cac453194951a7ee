package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
)

// TestRecordsAllocateNothing holds the figure that the report gives. A batch has at most
// batchRecordsMax records, so one allocation a batch, wherever on its way, would be further /
// batchRecordsMax.
func TestRecordsAllocateNothing(t *testing.T) {
	const further, batchRecordsMax, runtimeNoise = 900_000, 4_096, 100
	rt, err := guest.NewRuntime(guest.Config{})
	require.NoError(t, err)
	_, more, err := allocations(t.Context(), rt, "../guests/uppercase-c/uppercase_c.wasm", 1, further)
	require.NoError(t, err)
	require.Less(t, more, int64(runtimeNoise))
	require.Greater(t, further/batchRecordsMax, 2*runtimeNoise, "noise hides no allocation a batch")
}
