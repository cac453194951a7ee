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

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []int64
		want   int64
	}{
		{"odd", []int64{5, -1, 3}, 3},
		{"even takes the higher", []int64{4, 1, 2, 3}, 3},
		{"one", []int64{7}, 7},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, median(c.values)) })
	}
}
