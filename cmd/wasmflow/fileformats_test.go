package main

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeJob writes lines in a format, and readJob makes lines of it again.
const (
	writeJob = `
name = "write"
job.parallelism = 2
restart.strategy = "none"
sources.lines = { connector = "file", path = "input" }

[sinks.out]
connector = "bucketing"
from      = ["lines"]
path      = "lake"
bucketer  = "base-path"
%s
`
	readJob = `
name = "read"
job.parallelism = 2
restart.strategy = "none"
sources.lake = { connector = "file", path = "lake", %s }
sinks.out = { connector = "bucketing", from = ["lake"], path = "output", bucketer = "base-path" }
`
)

// TestFilesOfEveryFormatAreReadBack runs whole jobs: lines become files of a format, and these
// become the same lines.
func TestFilesOfEveryFormatAreReadBack(t *testing.T) {
	for name, tt := range map[string]struct{ write, read, extension string }{
		"gzip text":    {`writer = { format = "string", compression = "gzip" }`, `format = "text"`, ".gz"},
		"zstd JSON":    {`writer = { format = "json", compression = "zstd" }`, `format = "text"`, ".zst"},
		"SequenceFile": {`writer = "sequence-file"`, `format = "sequence-file"`, ""},
		"SequenceFile in blocks": {
			`writer = { format = "sequence-file", value_class = "bytes", compression = "snappy" }`,
			`format = "sequence-file"`, ""},
		"Avro": {`writer = { format = "avro", compression = "zstd" }
			schema_file = "schemas/n.avsc"`, `format = "avro"`, ".avro"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for i := range 3000 {
				lines = append(lines, fmt.Sprintf(`{"n":%d}`, i))
			}
			dir := folder(t, map[string]string{
				"write.toml": fmt.Sprintf(writeJob, tt.write), "read.toml": fmt.Sprintf(readJob, tt.read),
				"input/a.txt": text(lines[:1000]), "input/b.txt": text(lines[1000:]),
				"schemas/n.avsc": `{"type":"record","name":"N","fields":[{"name":"n","type":"int"}]}`,
			})
			for _, job := range []string{"write.toml", "read.toml"} {
				got := do(t, "run", filepath.Join(dir, job))
				require.Zero(t, got.code, got.stderr)
			}
			parts, err := filepath.Glob(filepath.Join(dir, "lake", "part-*"))
			require.NoError(t, err)
			require.NotEmpty(t, parts)
			for _, p := range parts {
				require.Equal(t, tt.extension, filepath.Ext(p))
			}
			require.ElementsMatch(t, lines, published(t, filepath.Join(dir, "output")))
		})
	}
}
