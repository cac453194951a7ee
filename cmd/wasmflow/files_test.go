package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const compactJob = `
name = "few"
[job]
parallelism = 4
[checkpoint]
interval = "50ms"
[sources.in]
connector = "file"
path = "input"
[sinks.lake]
connector = "bucketing"
from = ["in"]
path = "lake"
bucketer = "base-path"
compact = COMPACT
`

// TestFilesOfACompactedJob runs one job with parts of four tasks apart and joined.
func TestFilesOfACompactedJob(t *testing.T) {
	input := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		input["input/"+name] = strings.Repeat(name+"\n", 1000)
	}
	count := func(compact string) folderReport {
		input["job.toml"] = strings.ReplaceAll(compactJob, "COMPACT", compact)
		dir := folder(t, input)
		file := filepath.Join(dir, "job.toml")
		got := do(t, "run", file)
		require.Zero(t, got.code, got.stderr)
		text := do(t, "files", file)
		require.Zero(t, text.code, text.stderr)
		require.Contains(t, text.stdout, "few: 1 folder, ")
		var r fileReport
		got = do(t, "files", "--json", file)
		require.NoError(t, json.Unmarshal([]byte(got.stdout), &r))
		require.Len(t, r.Folders, 1)
		pending, err := filepath.Glob(filepath.Join(dir, "lake", ".wasmflow", "*", "*"))
		require.NoError(t, err)
		require.Empty(t, pending)
		return r.Folders[0]
	}
	apart, joined := count(`"off"`), count(`{ age = "1h" }`)
	require.Equal(t, int64(16_000), apart.Bytes)
	require.Equal(t, folderReport{Sink: "lake", Folder: ".", Files: 1, Bytes: 16_000,
		Smallest: 16_000, Largest: 16_000}, joined)
	require.GreaterOrEqual(t, apart.Files, joined.Files)
}

func TestFilesOfAJobThatNeverRan(t *testing.T) {
	job := strings.ReplaceAll(compactJob, "COMPACT", `"off"`)
	dir := folder(t, map[string]string{"job.toml": job, "input/a": "a\n"})
	got := do(t, "files", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "few: 0 folders, 0 files, 0 bytes\n")
}

func TestValidateWarnsOfManyFiles(t *testing.T) {
	endless := strings.ReplaceAll(compactJob, `path = "input"`, "path = \"input\"\nmode = \"tail\"")
	for compact, want := range map[string]string{
		`"off"`: "up to 288000 files an hour in every folder that is written to all the time " +
			"(tasks x 1h / checkpoint.interval = 4 x 1h / 50ms), more than 1000; ",
		`{ age = "1m" }`: "",
	} {
		for job, warned := range map[string]bool{endless: want != "", compactJob: false} {
			dir := folder(t, map[string]string{
				"job.toml": strings.ReplaceAll(job, "COMPACT", compact), "input/a": "a\n",
			})
			got := do(t, "validate", filepath.Join(dir, "job.toml"))
			require.Zero(t, got.code, got.stderr)
			if warned {
				require.Contains(t, got.stderr, want)
			} else {
				require.NotContains(t, got.stderr, "files an hour")
			}
		}
	}
}
