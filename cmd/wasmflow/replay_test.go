package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
	"github.com/wasmflow/wasmflow/host/replay"
)

// trappingJob sends two records to a plugin that traps on each.
const trappingJob = `
name = "trapping"
job.parallelism = 1
plugins.bad = { path = "bad.wasm", config = { limit = 5 } }
sources.numbers = { connector = "generator", count = 2, template = "v{seq}" }
transforms.t = { from = ["numbers"], plugin = "bad", function = "f0", on_error = "dead-letter" }
sinks.out = { connector = "discard", from = ["t"] }
dead_letter = { connector = "print" }
`

// trapping is a plugin that traps on every record; answering is one that drops it.
func trapping() string {
	return string(wasmtest.Guest{Process: wasmtest.Join(
		wasmtest.Store32(wasmtest.RegionAt+abi.FrameOffProgress, 0), wasmtest.Unreachable(),
	)}.Module())
}

func answering() string {
	header := make([]byte, abi.OutputHeaderSize)
	header[abi.OutputOffSize], header[abi.OutputOffConsumed] = abi.OutputHeaderSize, 1
	return string(wasmtest.Guest{
		Process: wasmtest.I32Const(wasmtest.OutputAt),
		Data:    [][]byte{wasmtest.DataAt(wasmtest.OutputAt, header)},
	}.Module())
}

// captured returns the captures of the trapping job in dir.
func captured(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, ".wasmflow", "captures", "trapping", "bad-*.wfb"))
	require.NoError(t, err)
	return list
}

func TestReplayOfWhatAJobCaptured(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": trappingJob, "bad.wasm": trapping(), "mended.wasm": answering(),
		"garbage.wasm": "garbage",
	})
	job := filepath.Join(dir, "job.toml")
	require.Zero(t, do(t, "dry-run", job).code)
	require.Empty(t, captured(t, dir), "a dry run writes nothing")

	r := do(t, "run", job)
	require.Zero(t, r.code, r.stderr)
	files := captured(t, dir)
	require.Len(t, files, 2)
	for _, file := range files {
		require.Contains(t, r.stdout, "captured as "+file, "the dead letter names it")
	}
	require.Contains(t, r.stderr, "captured="+files[0], "the log names it")

	bad := filepath.Join(dir, "bad.wasm")
	again := do(t, "replay", files[0], bad)
	require.Zero(t, again.code, again.stderr)
	require.Contains(t, again.stdout, "the same happens again")
	require.Contains(t, again.stdout, "now   trap in wasmflow_process at record 0: unreachable")

	r = do(t, "replay", "--json", files[0], filepath.Join(dir, "mended.wasm"))
	require.Equal(t, exitFailed, r.code)
	var res replay.Result
	require.NoError(t, json.Unmarshal([]byte(r.stdout), &res))
	require.False(t, res.Reproduced)
	require.Equal(t, "answered", string(res.Now.Kind))
	require.JSONEq(t, `{"limit":5}`, string(res.Batch.Config))
	r = do(t, "replay", files[0], filepath.Join(dir, "mended.wasm"))
	require.Contains(t, r.stdout, "is not the one that failed")

	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no module", []string{files[0]}, "name a captured batch and a module"},
		{"no file", []string{filepath.Join(dir, "none.wfb"), bad}, "no such file"},
		{"no capture", []string{job, bad}, "not a whole captured batch"},
		{"no plugin", []string{files[0], filepath.Join(dir, "garbage.wasm")}, "WebAssembly"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := do(t, append([]string{"replay"}, tt.args...)...)
			require.Equal(t, exitRefused, r.code)
			require.Contains(t, r.stderr, tt.want)
		})
	}
}

func TestCapturesThatAreSwitchedOffOrImpossible(t *testing.T) {
	for _, tt := range []struct{ name, table, warning string }{
		{"off", "capture.enabled = false", ""},
		{"a file for a folder", `capture.dir = "job.toml/captures"`, "is not captured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"job.toml": trappingJob + tt.table + "\n", "bad.wasm": trapping(),
			})
			r := do(t, "run", filepath.Join(dir, "job.toml"))
			require.Zero(t, r.code, r.stderr)
			require.Empty(t, captured(t, dir))
			require.NotContains(t, r.stdout, "captured as")
			require.Equal(t, 2, strings.Count(r.stdout, "trapped: unreachable"))
			require.Contains(t, r.stderr, tt.warning)
			_, err := os.Stat(filepath.Join(dir, ".wasmflow", "captures"))
			require.ErrorIs(t, err, os.ErrNotExist)
		})
	}
}
