package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLocationsAreChecked: what a URL itself tells is wrong is found by validate, with its line,
// before anything is asked.
func TestLocationsAreChecked(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"sink": {`path = "output"`, `path = "hdfs://nn:99999/out"`,
			"sinks.out.path: port 99999 of NameNode nn is not between 1 and 65535"},
		"source": {`path = "input"`, `path = "hdfs://a,b:0/in"`,
			"sources.lines.path: port 0 of NameNode b is not between 1 and 65535"},
		"store": {`job.parallelism = 2`, `checkpoint.store = "hdfs://nn"`,
			`checkpoint.store: location "hdfs://nn" has no path`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{
				"job.toml": strings.Replace(copyJob, tt.old, tt.new, 1), "input/a.txt": "",
			})
			got := do(t, "validate", filepath.Join(dir, "job.toml"))
			require.NotZero(t, got.code)
			require.Contains(t, got.stdout+got.stderr, tt.want)
		})
	}
}
