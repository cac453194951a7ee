//go:build unix

package script_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
	"github.com/wasmflow/wasmflow/host/script"
)

// TestOnlyRegularFilesAreBundled holds S4: nothing waits for somebody at the other end.
func TestOnlyRegularFilesAreBundled(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(at(name), []byte(text), 0o600))
	}
	require.NoError(t, syscall.Mkfifo(at("pipe.js"), 0o600))
	require.NoError(t, os.Symlink("pipe.js", at("link.ts")))
	require.NoError(t, os.Mkdir(at("folder.js"), 0o700))
	write("imports.js", `import "./pipe.js";`)
	write("asks.js", `import n from "./n.json"; export { n };`)
	write("n.json", "1")
	write("large.js", "")
	require.NoError(t, os.Truncate(at("large.js"), wasm.SizeMax+1))
	for _, tt := range []struct{ name, want string }{
		{"pipe.js", "pipe.js: it is a pipe, not a regular file"},
		{"link.ts", "link.ts: it is a pipe, not a regular file"},
		{"folder.js", "folder.js: is a directory"},
		{"imports.js", "imports.js:1:8: "},
		{"imports.js", "pipe.js: it is a pipe, not a regular file"},
		{"large.js", "large.js: is larger than a plugin may be, which is 33554432 bytes"},
		{"asks.js", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := script.Bundle(at(tt.name))
			if tt.want == "" {
				require.NoError(t, err)
				require.Contains(t, string(s.Text), "= 1;", "what is asked for is read as ever")
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}
