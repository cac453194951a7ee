package conformance_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/guests/prebuilt"
	"github.com/wasmflow/wasmflow/host/conformance"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// told is what a user is told when a plugin gives up. The log line of a trap has the stack of the
// guest; dead letters and errors have the text alone.
type told struct {
	panics, memory string // texts of faults
	settings       string // of a configuration that is refused
	// inPanic and inMemory are functions of the guest in the stack; empty where there is none to be
	// had, as unnamed says.
	inPanic, inMemory string
	unnamed           string
}

// tellings are by language; those of scripts, which bring their own stacks, are in host/script.
func tellings() map[string]told {
	return map[string]told{
		"Go": {
			panics:   "panic: an odd record (functions.go:",
			memory:   "trapped: unreachable: runtime: out of memory",
			settings: "config.times: ",
			inMemory: "main.hoard",
			unnamed:  "the SDK recovers from a panic, and its text has file and line",
		},
		"Rust": {
			panics:   "trapped: abort: an odd record at src/lib.rs:",
			memory:   "trapped: abort: out of memory: 2147483647 bytes were asked for",
			settings: "config.times: is a string, not an integer",
			inPanic:  "wasmflow7exports7process", inMemory: "conformance_rust5hoard",
		},
		"C": {
			panics:   "trapped: unreachable: an odd record",
			memory:   "out of memory: no 3 GiB",
			settings: "config.times: must be a whole number",
			inPanic:  "crash_odd",
			unnamed:  "malloc returns null, and the plugin fails the record",
		},
		"C++": {
			panics:   "trapped: unreachable: an odd record",
			memory:   "trapped: unreachable: libc++abi: bad_alloc was thrown",
			settings: "config.times: must be a whole number",
			inPanic:  "crash_odd", inMemory: "hoard",
		},
		"Zig": {
			panics:   "trapped: unreachable: an odd record",
			memory:   "OutOfMemory",
			settings: "config.times: must be a whole number",
			unnamed:  "stripped, for without -fstrip there is a megabyte of debug information",
		},
		"AssemblyScript": {
			panics:   "trapped: abort: an odd record at plugin.ts:",
			memory:   "trapped: abort: Allocation too large at ~lib/rt/",
			settings: "config.times: is a string, not an integer",
			inPanic:  "plugin~anonymous", inMemory: "plugin~anonymous",
		},
	}
}

// TestWhatIsToldOfFailures holds each language to texts that a person can act on: what the plugin
// itself says, and, where the module has names, in which function it was.
func TestWhatIsToldOfFailures(t *testing.T) {
	modules := map[string]string{}
	for _, l := range conformance.Languages() {
		modules[l.Name] = build(t, l)
	}
	all, err := prebuilt.All(os.DirFS(filepath.Join("..", "..")))
	require.NoError(t, err)
	for _, m := range all {
		// The one in WebAssembly text has the core alone, which has nothing to fail at.
		if m.Kind != prebuilt.KindConformance || slices.Contains(m.NotOffered, "crash-odd") {
			continue
		}
		modules[m.Language], err = filepath.Abs(filepath.Join("..", "..", filepath.FromSlash(m.Wasm())))
		require.NoError(t, err)
	}
	want := tellings()
	for language, path := range modules {
		t.Run(language, func(t *testing.T) {
			require.Contains(t, want, language)
			checkTold(t, path, want[language])
		})
	}
}

func checkTold(t *testing.T, path string, want told) {
	rt, err := guesttest.NewRuntime(t.TempDir(), guest.Config{}, path)
	require.NoError(t, err)
	m, err := rt.Load(t.Context(), guest.Source{Path: path}, guest.Limits{})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(context.Background())) }()

	text, log := failure(t, m, "crash-odd")
	require.Contains(t, text, want.panics)
	checkNamed(t, log, want.inPanic, want.unnamed)
	text, log = failure(t, m, "hoard")
	require.Contains(t, text, want.memory)
	if strings.HasPrefix(text, "trapped") {
		require.Contains(t, text, "(limits.memory = 67108864 bytes; function hoard of ")
	}
	require.NotContains(t, text, "?", "a place that nobody knows is not told")
	checkNamed(t, log, want.inMemory, want.unnamed)

	_, err = operator.NewTransform(t.Context(), operator.Config{
		Module: m, Function: "echo", Job: "told", Now: time.Now, PluginConfig: []byte(`{"times":"3"}`),
	})
	require.ErrorContains(t, err, want.settings)
}

// checkNamed looks for a function in the log; where there is none to be had, for the reason.
func checkNamed(t *testing.T, log, function, unnamed string) {
	t.Helper()
	if function == "" {
		require.NotEmpty(t, unnamed)
		return
	}
	require.Contains(t, log, "trace=")
	require.Contains(t, log, function)
}

// failure gives an odd record to a function and returns the text of its fault, and what was logged.
func failure(t *testing.T, m *guest.Module, function string) (text, logged string) {
	t.Helper()
	var log bytes.Buffer
	f, err := operator.NewTransform(t.Context(), operator.Config{
		Module: m, Function: function, Job: "told", Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	in := &connectors.Batch{Splits: []string{"split"}}
	in.Append().Value = []byte("1")
	var out connectors.Batch
	var faults connectors.Faults
	require.NoError(t, f.Transform(t.Context(), in, &out, &faults))
	require.Len(t, faults.List, 1)
	require.Empty(t, out.Records)
	return faults.List[0].Text, log.String()
}
