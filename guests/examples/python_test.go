//go:build !race

// The race detector has a load of the engine for Python take ten seconds.

package examples

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
)

func TestSameInPython(t *testing.T) {
	rt, err := guesttest.NewRuntime(t.TempDir(), guest.Config{})
	require.NoError(t, err)
	checkSame(t, same(t, rt, readCases(t), packed(t, "python", "plugin.py")))
}
