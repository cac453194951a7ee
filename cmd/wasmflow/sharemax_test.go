package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShareOfRefusedRecords has more records that are no JSON than share_max bears.
func TestShareOfRefusedRecords(t *testing.T) {
	const job = `
name = "share"
job.parallelism = 1

[sources.lines]
connector    = "file"
path         = "input"
deserializer = "json"
on_error     = { policy = "skip", share_max = 0.25 }

[sinks.out]
connector = "bucketing"
from      = ["lines"]
path      = "output"
bucketer  = "base-path"
`
	for _, c := range []struct {
		name  string
		input string
		code  int
		says  string
	}{
		{"within", "{}\n[]\n1\nbad\n", exitDone, ""},
		{"above", "{}\nbad\n1\nbad\n", exitFailed, "lines refused 2 of 4 records, a share of 0.5000 " +
			"above share_max 0.2500; mend the input or the function, or raise share_max"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"job.toml": job, "input/a.txt": c.input})
			file := filepath.Join(dir, "job.toml")
			got := do(t, "run", file)
			require.Equal(t, c.code, got.code, got.stderr)
			if c.says == "" {
				require.NotContains(t, got.stderr, "share_max")
				return
			}
			require.Contains(t, lineWith(got.stderr, file+":9: sources.lines.on_error.share_max: "), c.says)
			require.Equal(t, 1, strings.Count(got.stderr, c.says), "the failure is told once")
			require.NotContains(t, got.stderr, "restarting after a failure")
		})
	}
}
