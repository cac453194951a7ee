package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNewPluginInC runs the function with the compiler that the machine has; the module wants one
// that not every machine has.
func TestNewPluginInC(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "access-log")
	got := do(t, "new", "plugin", "access-log", "--lang", "c", "--dir", dir)
	require.Zero(t, got.code, got.stderr)
	out, err := toolIn(dir, "make", "test", "CC=cc -Werror").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "\nok\n")
}
