package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFlawF9_EndOfInputPublishesEverything has input that ends long before the first epoch would:
// its last files become final all the same.
func TestFlawF9_EndOfInputPublishesEverything(t *testing.T) {
	lines := numbered(500)
	dir := folder(t, map[string]string{
		"job.toml": strings.ReplaceAll(copyJob, `"50ms"`, `"10h"`), "input/a.txt": text(lines),
	})
	got := do(t, "run", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	output := filepath.Join(dir, "output")
	require.ElementsMatch(t, lines, published(t, output))
	require.NoError(t, filepath.WalkDir(filepath.Join(output, ".wasmflow"),
		func(path string, d os.DirEntry, err error) error {
			require.True(t, d.IsDir(), "%s is left over", path)
			return err
		}))
}
