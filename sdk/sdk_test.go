package sdk

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGoIsComplete compares what is embedded with what lies on the disk.
func TestGoIsComplete(t *testing.T) {
	files, err := Go()
	require.NoError(t, err)
	var embedded []string
	for _, f := range files {
		embedded = append(embedded, f.Path)
	}
	var there []string
	err = fs.WalkDir(os.DirFS("."), "go", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			there = append(there, path)
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, there, embedded)
	require.Contains(t, embedded, "go/doc.go")
}

func TestGoHoldsTheSources(t *testing.T) {
	files, err := Go()
	require.NoError(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f.Path)
		require.NoError(t, err)
		require.Equal(t, string(data), string(f.Data), f.Path)
	}
}
