package script_test

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/script"
)

// TestConformance runs the whole kit over the guests in JavaScript and TypeScript.
func TestConformance(t *testing.T) {
	for _, path := range []string{
		"../../guests/conformance-js/plugin.js", "../../guests/conformance-ts/plugin.ts",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) { testConformance(t, path) })
	}
}

func testConformance(t *testing.T, path string) {
	t.Helper()
	rt := newRuntime(t)
	plugin, err := script.Build(path)
	require.NoError(t, err)
	res, err := conformance.Run(context.Background(), rt,
		guest.Source{Path: path, Bytes: plugin}, conformance.Options{})
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, res.Write(&text))
	require.Len(t, res.Rows, len(conformance.Kit()))
	for _, row := range res.Rows {
		require.Equal(t, conformance.Passed, row.Status, text.String())
	}
}
