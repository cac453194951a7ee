package main

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNoCommandWaitsForAPipe names a pipe, which nobody writes to, wherever a command reads a file.
func TestNoCommandWaitsForAPipe(t *testing.T) {
	dir := folder(t, map[string]string{
		"upper.wasm": string(guestC(t, "uppercase_c.wasm")), "key.pem": "a key",
	})
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	module := filepath.Join(dir, "upper.wasm")
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"job file", []string{"validate", pipe}},
		{"job file of a run", []string{"run", pipe}},
		{"module of conformance", []string{"conformance", pipe}},
		{"module of inspect", []string{"inspect", pipe}},
		{"capture", []string{"replay", pipe, module}},
		{"module to sign", []string{"sign", "--key", filepath.Join(dir, "key.pem"), pipe}},
		{"key to sign with", []string{"sign", "--key", pipe, module}},
		{"module to verify", []string{"verify", "--sha256", strings.Repeat("ab", 32), pipe}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := do(t, tt.args...)
			require.Equal(t, exitRefused, r.code, r.stderr)
			said := r.stdout + r.stderr
			require.Contains(t, said, pipe)
			require.Contains(t, said, "it is a pipe, not a regular file")
		})
	}
}
