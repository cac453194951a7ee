//go:build !race

// The race detector sees in the interpreter what compiled modules do out of its sight: they read the
// word that ends a call while another goroutine writes it.

package replay_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

func TestADeadlineIsReproducedButForItsFuel(t *testing.T) {
	b := newBench(t, Guest{Process: Join(Forever(), I32Const(0))}.Module())
	b.limits.TimePerRecord, b.limits.TimePerBatch = 50*time.Millisecond, 50*time.Millisecond
	// The interpreter takes a hundred times as long for the same fuel.
	var err error
	b.runtime, err = guest.NewRuntime(guest.Config{Engine: guest.EngineInterpreter})
	require.NoError(t, err)
	faults, err := b.run([]string{"v"})
	require.NoError(t, err)
	require.Contains(t, faults[0], "it still ran after 200ms")
	res := b.replay(b.module)
	require.Equal(t, capture.KindDeadline, res.Batch.Outcome.Kind)
	require.Empty(t, res.Differences)
	require.Contains(t, res.Notes[0], "depends on the machine")
}
