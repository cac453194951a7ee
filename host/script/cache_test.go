package script_test

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEngineIsCompiledOnce: scripts of any name and length are one module to the cache (S1).
func TestEngineIsCompiledOnce(t *testing.T) {
	script := func(name string) string {
		return fmt.Sprintf(`import { plugin, transform } from "wasmflow";
			plugin({ name: %q });
			transform(%q, () => {});`, name, name)
	}
	_, err := load(t, script("first"))
	require.NoError(t, err)
	compiled := cached(t)
	require.NotEmpty(t, compiled)
	for _, name := range []string{"second", "a-third-one-of-another-length"} {
		_, err := load(t, script(name))
		require.NoError(t, err)
		require.Equal(t, compiled, cached(t), "compiled anew for another script")
	}
}

// cached lists the files of the cache with the times they were written at.
func cached(t *testing.T) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	require.NoError(t, filepath.WalkDir(filepath.Join(shared.dir, "cache"),
		func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				files[path] = info.ModTime().UnixNano()
			}
			return err
		}))
	return files
}
