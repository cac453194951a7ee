package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCommittedModules: figures are of the modules whose sums are committed, and every one of them
// is measured.
func TestCommittedModules(t *testing.T) {
	sums, err := os.Open(filepath.Join("modules", "SHA256SUMS"))
	require.NoError(t, err)
	defer func() { require.NoError(t, sums.Close()) }()
	want := map[string]string{}
	for lines := bufio.NewScanner(sums); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		require.True(t, ok, lines.Text())
		want[name] = sum
	}
	files, err := filepath.Glob(filepath.Join("modules", "*.wasm"))
	require.NoError(t, err)
	require.Len(t, files, len(want))
	measured := map[string]bool{}
	for _, m := range modules() {
		measured[m.name+".wasm"] = true
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		sum := sha256.Sum256(data)
		name := filepath.Base(file)
		require.Equal(t, want[name], hex.EncodeToString(sum[:]), name)
		require.True(t, measured[name], "%s is not measured", name)
	}
}

// TestModulesAreOfSeveralCompilers holds what the page says of them.
func TestModulesAreOfSeveralCompilers(t *testing.T) {
	compilers := map[string]bool{}
	for _, m := range modules() {
		name, _, _ := strings.Cut(m.compiler, " ")
		compilers[name] = true
	}
	require.GreaterOrEqual(t, len(modules()), 10)
	require.GreaterOrEqual(t, len(compilers), 5)
}
