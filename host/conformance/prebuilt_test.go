package conformance_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/guests/prebuilt"
	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
)

// TestPrebuilt runs the whole kit over the committed modules: what a manifest does not except has
// to pass.
func TestPrebuilt(t *testing.T) {
	root := filepath.Join("..", "..")
	all, err := prebuilt.All(os.DirFS(root))
	require.NoError(t, err)
	var kit []*prebuilt.Manifest
	var paths []string
	for _, m := range all {
		if m.Kind == prebuilt.KindConformance {
			path, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(m.Wasm())))
			require.NoError(t, err)
			kit, paths = append(kit, m), append(paths, path)
		}
	}
	rt, err := guesttest.NewRuntime(t.TempDir(), guest.Config{}, paths...)
	require.NoError(t, err)
	for i, m := range kit {
		t.Run(m.Name, func(t *testing.T) {
			res, err := conformance.Run(context.Background(), rt, guest.Source{Path: paths[i]},
				conformance.Options{})
			require.NoError(t, err)
			var text bytes.Buffer
			require.NoError(t, res.Write(&text))
			require.True(t, res.OK(), text.String())
			require.True(t, res.Core(), text.String())
			var missing []string
			for _, row := range res.Rows {
				if row.Status == conformance.NotOffered {
					missing = append(missing, row.Check)
				}
			}
			require.Equal(t, m.NotOffered, missing)
		})
	}
}
