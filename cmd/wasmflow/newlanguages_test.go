package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNewPluginInEveryLanguage makes a plugin in each language. What the languages' own tools make
// of it is not tested here, since they are not needed to build wasmflow.
func TestNewPluginInEveryLanguage(t *testing.T) {
	for _, l := range languages() {
		t.Run(l.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "plugin")
			got := do(t, "new", "plugin", "tea-prices", "--lang", l.name, "--dir", dir)
			require.Zero(t, got.code, got.stderr)
			for template, to := range l.files {
				text := fileText(t, dir, to)
				require.NotContains(t, text, "{{"+".", template)
			}
			makefile := fileText(t, dir, "Makefile")
			for _, target := range []string{"build:", "test:", "run:", "clean:"} {
				require.Contains(t, makefile, "\n"+target)
			}
			require.Contains(t, makefile, "tea-prices.wasm")
			require.Contains(t, fileText(t, dir, "README.md"), "make run")
			require.Contains(t, fileText(t, dir, ".gitignore"), "tea-prices.wasm")
			require.Contains(t, fileText(t, dir, "job.toml"), `function = "tea_prices"`)
			sources, err := l.sdk()
			require.NoError(t, err)
			require.NotEmpty(t, sources)
			for _, f := range sources {
				require.Equal(t, string(f.Data), fileText(t, dir, l.root+"/"+f.Path))
			}
		})
	}
}

func fileText(t *testing.T, dir, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
	require.NoError(t, err)
	return strings.ReplaceAll(string(data), "\r\n", "\n")
}
