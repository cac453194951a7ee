package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/script"
)

// TestNewScriptBuildsAndRuns: a plugin in a scripting language needs no tool but wasmflow.
func TestNewScriptBuildsAndRuns(t *testing.T) {
	for lang, file := range map[string]string{
		"javascript": "plugin.js", "typescript": "plugin.ts",
	} {
		t.Run(lang, func(t *testing.T) {
			dir := newScriptRuns(t, lang, file)
			test := filepath.Join(dir, "test.mjs")
			unit := filepath.Join(dir, "plugin.test"+filepath.Ext(file))
			got := do(t, "build", "--module", "--out", test, unit)
			require.Zero(t, got.code, got.stderr)
			text, err := os.ReadFile(test)
			require.NoError(t, err)
			require.Contains(t, string(text), "transform(\"prices\"", "the plugin is in its test")
			require.Contains(t, string(text), `from "wasmflow/testing"`)
		})
	}
}

// newScriptRuns begins a plugin, builds it and runs its job. It returns the plugin's folder.
func newScriptRuns(t *testing.T, lang, file string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "prices")
	got := do(t, "new", "plugin", "prices", "--lang", lang, "--dir", dir)
	require.Zero(t, got.code, got.stderr)
	path, wasm := filepath.Join(dir, file), filepath.Join(dir, "prices.wasm")
	plugin, err := script.Build(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(wasm, plugin, 0o600))
	warm(t, wasm)

	got = do(t, "build", "--out", wasm, path)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "prices 0.1.0, ")
	require.Contains(t, got.stdout, "\n  transform prices\n")
	got = do(t, "run", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "6 records read = 2 written + 2 dropped + 2 dead letters")
	require.Equal(t, []string{`{"item":"tea","cents":250}`, `{"item":"coffee","cents":310}`},
		published(t, filepath.Join(dir, "output")))
	require.Contains(t, published(t, filepath.Join(dir, "dead-letters"))[0],
		"no separator in the line")
	return dir
}

func TestScriptsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no file", []string{filepath.Join(dir, "none.js")}, "none.js: no such file"},
		{"no script", []string{write("a.go", "")}, "has to end in one of .js, .mjs, .ts, .mts, .py"},
		{"no syntax", []string{write("b.ts", "let x: = 1")}, "b.ts:1:8: Unexpected \"=\""},
		{"import", []string{write("c.js", "import './d.js'")}, `c.js:1:8: Could not resolve "./d.js"`},
		{"zero byte", []string{write("e.js", "'\x00'")}, "e.js: holds a zero byte"},
		{"nothing", nil, "build: name a script"},
		{"module of Python", []string{"--module", "--out", "x", write("f.py", "")},
			"--module is for JavaScript and TypeScript"},
		{"module to nowhere", []string{"--module", filepath.Join(dir, "b.ts")}, "--module wants --out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := do(t, append([]string{"build"}, tt.args...)...)
			require.Equal(t, 2, got.code, got.stderr)
			require.Contains(t, got.stderr, tt.want)
		})
	}
}
