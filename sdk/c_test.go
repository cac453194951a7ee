package sdk

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// buildC compiles a program with the compiler of the machine, checks of memory and of undefined
// behaviour switched on, and returns how to run it.
func buildC(t *testing.T, source string) (run func(arguments ...string) (out string, err error)) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	text, err := exec.Command("cc", "-std=gnu17", "-g", "-Wall", "-Wextra", "-Werror",
		"-fsanitize=address,undefined", "-fno-sanitize-recover", "-Ic", "-o", program, source).
		CombinedOutput()
	require.NoError(t, err, "%s", text)
	return func(arguments ...string) (string, error) {
		cmd := exec.Command(program, arguments...)
		cmd.Env = []string{"ASAN_OPTIONS=detect_leaks=0"} // a test keeps its outputs until it ends
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// TestCRunsNatively runs the tests of the conformance guest.
func TestCRunsNatively(t *testing.T) {
	out, err := buildC(t, "../guests/conformance-c/conformance_test.c")()
	require.NoError(t, err, out)
	require.Equal(t, "ok\n", out)
}

// TestCReadsGoldenFrames: a plugin in C sees what the frames hold, and is shown none that lies.
func TestCReadsGoldenFrames(t *testing.T) {
	look := buildC(t, "testdata/golden.c")
	files, err := filepath.Glob("../abi/testdata/frames/*.frame")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := look(file)
			require.NotContains(t, out, "Sanitizer")
			if strings.HasPrefix(filepath.Base(file), "hostile-") {
				refused := strings.HasPrefix(out, "refused: ")
				require.Equal(t, refused, err != nil, out)
				require.True(t, refused || !strings.HasPrefix(out, "0 "), "record 0 lies: %s", out)
				return
			}
			require.NoError(t, err, out)
			require.Equal(t, golden(t, strings.TrimSuffix(file, ".frame")+".json"), out)
		})
	}
}

// goldenRecord is a record of a golden frame, as abi/testdata/README.md has it.
type goldenRecord struct {
	Kind    int     `json:"kind"`
	Key     *string `json:"key"`
	Value   *string `json:"value"`
	Time    *string `json:"timestamp_ms"`
	Headers []struct {
		Key   *string `json:"key"`
		Value *string `json:"value"`
	} `json:"headers"`
	Source *struct {
		Split   string `json:"split"`
		High    string `json:"position_hi"`
		Low     string `json:"position_lo"`
		Ordinal string `json:"ordinal"`
	} `json:"source"`
	Group      uint32 `json:"key_group"`
	Schema     uint32 `json:"schema_id"`
	Partitions uint32 `json:"partition_count"`
}

// golden is what testdata/golden.c has to print of a frame.
func golden(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var frame struct {
		Records []goldenRecord `json:"records"`
	}
	require.NoError(t, json.Unmarshal(data, &frame))
	var b strings.Builder
	for i, r := range frame.Records {
		if r.Kind != 0 { // a kind that no function knows
			continue
		}
		fmt.Fprintf(&b, "%d key=%s value=%s", i, orNull(r.Key), orNull(r.Value))
		if r.Time != nil {
			fmt.Fprintf(&b, " time=%s", *r.Time)
		}
		for _, h := range r.Headers {
			fmt.Fprintf(&b, " header=%s is=%s", orNull(h.Key), orNull(h.Value))
		}
		if s := r.Source; s != nil && s.Split != "" {
			fmt.Fprintf(&b, " split=%s/%s/%s/%s", s.Split, s.High, s.Low, s.Ordinal)
		}
		fmt.Fprintf(&b, " group=%d schema=%d partitions=%d\n", r.Group, r.Schema, r.Partitions)
	}
	return b.String()
}

func orNull(hex *string) string {
	if hex == nil {
		return "null"
	}
	return *hex
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
