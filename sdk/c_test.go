package sdk

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCRunsNatively compiles the conformance guest in C with the compiler of the machine, checks of
// memory and of undefined behaviour switched on, and runs its tests.
func TestCRunsNatively(t *testing.T) {
	program := filepath.Join(t.TempDir(), "conformance_test")
	out, err := exec.Command("cc", "-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror",
		"-fsanitize=address,undefined", "-fno-sanitize-recover", "-Ic", "-o", program,
		"../guests/conformance-c/conformance_test.c").CombinedOutput()
	require.NoError(t, err, "%s", out)
	run := exec.Command(program)
	run.Env = []string{"ASAN_OPTIONS=detect_leaks=0"} // a test keeps its outputs until it ends
	out, err = run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "ok\n", string(out))
}

func TestNativeSDKsAreComplete(t *testing.T) {
	require.Equal(t, []string{"c/README.md", "c/wasmflow.h", "c/wasmflow_test.h"}, paths(t, C))
	require.Equal(t, []string{
		"c/wasmflow.h", "c/wasmflow_test.h", "cpp/README.md", "cpp/wasmflow.hpp",
	}, paths(t, Cpp))
	require.Equal(t, []string{
		"zig/README.md", "zig/src/layout.zig", "zig/src/output.zig", "zig/src/settings.zig",
		"zig/src/wasmflow.zig",
	}, paths(t, Zig))
}

func paths(t *testing.T, list func() ([]File, error)) (all []string) {
	t.Helper()
	files, err := list()
	require.NoError(t, err)
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}
