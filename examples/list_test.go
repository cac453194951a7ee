package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheListOfExamples holds the page against the folders: each has its row with a command that
// runs it, and each file that the page names is there.
func TestTheListOfExamples(t *testing.T) {
	data, err := os.ReadFile("README.md")
	require.NoError(t, err)
	rows := map[string]string{} // how to run an example
	row := regexp.MustCompile(`(?m)^\| \[([a-z-]+)\]\(([^)]+)\) \| [^|]+ \| (.+) \|$`)
	for _, m := range row.FindAllStringSubmatch(string(data), -1) {
		require.Equal(t, m[1]+"/job.toml", m[2])
		require.NotContains(t, rows, m[1], "listed twice")
		rows[m[1]] = m[3]
	}
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		how, ok := rows[e.Name()]
		require.True(t, ok, "README.md does not list %s", e.Name())
		delete(rows, e.Name())
		if target := regexp.MustCompile("^`make ([a-z-]+)`$").FindStringSubmatch(how); target != nil {
			recipe := regexp.MustCompile(`(?m)^` + target[1] + `:.*\n\t\./examples/` + e.Name() + `/run\.sh`)
			require.Regexp(t, recipe, string(makefile), "what make %s does", target[1])
			continue
		}
		require.Contains(t, how, "examples/"+e.Name()+"/job.toml")
	}
	require.Empty(t, rows, "README.md lists what is not there")
	file := regexp.MustCompile("[(`]([a-z-]+/[a-z]+\\.toml)[)`]")
	files := file.FindAllStringSubmatch(string(data), -1)
	require.NotEmpty(t, files)
	for _, m := range files {
		require.FileExists(t, filepath.FromSlash(m[1]))
	}
}
