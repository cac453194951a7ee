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

// TestReport holds what the page calls a bound: programs are judged, probes are shown.
func TestReport(t *testing.T) {
	program := func(module string, metered float64) figure {
		return figure{module: module, workload: "work", metered: metered, engine: 5}
	}
	probe := program("a", 1.5)
	probe.probe = true
	tests := map[string]struct {
		figures []figure
		ok      bool
		says    []string
	}{
		"all hold": {
			[]figure{program("a", 1.02), program("b", 1.04), program("c", 1.15), probe}, true,
			[]string{"| median over modules | +4.0 % | +10 % | holds |",
				"| worst module | +15.0 % | +20 % | holds |", "## Probes", "+50.0 %"},
		},
		"median": {
			[]figure{program("a", 1.11), program("b", 1.12), program("c", 1.01)}, false,
			[]string{"| median over modules | +11.0 % | +10 % | **does not hold** |"},
		},
		"worst workload": {
			[]figure{program("a", 1.3), program("a", 1), program("b", 1)}, false,
			[]string{"| worst module | +15.0 % | +20 % | holds |",
				"| worst workload (work of a) | +30.0 % | +20 % | **does not hold** |"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			page, ok := report(test.figures, 7, 5)
			require.Equal(t, test.ok, ok)
			for _, text := range test.says {
				require.Contains(t, page, text)
			}
		})
	}
}
