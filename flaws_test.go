package wasmflow_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var updateFlaws = flag.Bool("update", false, "write docs/flink-flaws.md")

// flaw is a known fault of Flink and what wasmflow does instead.
type flaw struct {
	id          string
	flink, here string
	tests       []string // folder.TestName
}

// flawsNamed are those that have to have a test of their name, TestFlaw<id>_<what>.
var flawsNamed = []string{
	"K1", "K2", "K3", "K6", "K10", "S1", "S2", "S5", "S6", "S8", "S10", "S13",
	"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F13",
}

const flawsPage = "docs/flink-flaws.md"

// TestFlaws holds the table of faults to the tests that are in it, and the page to the table.
func TestFlaws(t *testing.T) {
	known := testsOfTheRepository(t)
	listed := map[string]bool{}
	seen := map[string]bool{}
	var page strings.Builder
	page.WriteString(flawsHead)
	for _, section := range flaws() {
		fmt.Fprintf(&page, "\n## %s\n\n| | in Flink | here | tests |\n|---|---|---|---|\n",
			section.title)
		for _, f := range section.flaws {
			require.False(t, seen[f.id], "%s stands twice", f.id)
			seen[f.id] = true
			require.NotEmpty(t, f.tests, "%s has no test", f.id)
			named := false
			for _, name := range f.tests {
				require.True(t, known[name], "%s: %s is no test", f.id, name)
				named = named || strings.Contains(name, ".TestFlaw"+f.id+"_")
				listed[name] = true
			}
			require.True(t, named || !slices.Contains(flawsNamed, f.id),
				"%s has no test of its name", f.id)
			fmt.Fprintf(&page, "| %s | %s | %s | %s |\n", f.id, f.flink, f.here,
				"`"+strings.Join(f.tests, "` `")+"`")
		}
	}
	for _, id := range flawsNamed {
		require.True(t, seen[id], "%s is not in the table", id)
	}
	for name := range known {
		if strings.Contains(name, ".TestFlaw") {
			require.True(t, listed[name], "%s is not in the table", name)
		}
	}
	if *updateFlaws {
		require.NoError(t, os.WriteFile(flawsPage, []byte(page.String()), 0o644))
	}
	want, err := os.ReadFile(flawsPage)
	require.NoError(t, err)
	require.Equal(t, string(want), page.String(), "run: go test . -run TestFlaws -update")
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)

// testsOfTheRepository returns folder.TestName of every test below a folder. Tests that are named
// after a fault have to be in files that are.
func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") ||
			filepath.Dir(path) == "." {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range testFunction.FindAllStringSubmatch(string(source), -1) {
			if strings.HasPrefix(m[1], "TestFlaw") {
				require.True(t, strings.HasSuffix(path, "_flaws_test.go"), "%s in %s", m[1], path)
			}
			tests[filepath.ToSlash(filepath.Dir(path))+"."+m[1]] = true
		}
		return err
	})
	require.NoError(t, err)
	return tests
}
