package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// buckets is the number of folders the lines are spread over.
const buckets = 4

// newBuckets returns the ends of a job that writes every line twice, as it is and in capitals, into
// the folder of its bucket.
func newBuckets(dir, binary, guests string, s scale) (*fileEnds, error) {
	e := &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}
	e.line = func(n int) string {
		return fmt.Sprintf(`{"seq":"%08d","bucket":"b%d","text":"the quick brown fox %d"}`,
			n, n%buckets, n*7919)
	}
	e.job = func(parallelism int, limit string) string {
		bucketer := filepath.Join(guests, "bucket-by-field.wasm")
		return fmt.Sprintf(`
name = "chaos"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "50ms"
store = "store"
[restart]
strategy = "none"
[plugins.uppercase]
path = %q
[plugins.lower]
path = %q
config = { path = "{bucket}" }
[plugins.upper]
path = %q
config = { path = "{BUCKET}" }
[sources.lines]
connector = "file"
path = "input"
%s
[transforms.capitals]
from = ["lines"]
plugin = "uppercase"
function = "uppercase"
[sinks.plain]
connector = "bucketing"
from = ["lines"]
path = "output/plain"
bucketer = { plugin = "lower", function = "bucket_by_field" }
batch_size = "256KiB"
[sinks.capitals_out]
connector = "bucketing"
from = ["capitals"]
path = "output/capitals"
bucketer = { plugin = "upper", function = "bucket_by_field" }
batch_size = "256KiB"
compact = { size = "256KiB", age = "200ms" }
`, parallelism, filepath.Join(guests, "uppercase.wasm"), bucketer, bucketer, limit)
	}
	e.judge = judgeBuckets
	return e, e.prepare()
}

// judgeBuckets checks that every line is there once as it was read and once in capitals, in the
// folder of its bucket, and in the order of the input within each file.
func judgeBuckets(files []string, e *fileEnds) (string, error) {
	var records sequence.Checker
	for i := range inputFiles {
		lines := (i+1)*e.lines/inputFiles - i*e.lines/inputFiles
		records.Expect("plain "+strconv.Itoa(i), lines)
		records.Expect("capitals "+strconv.Itoa(i), lines)
	}
	for _, path := range files {
		folder := filepath.Base(filepath.Dir(path))
		err := eachLine(path, func(line string) {
			n, capitals, ok := parseLine(line)
			if !ok || n >= e.lines || !strings.EqualFold(folder, "b"+strconv.Itoa(n%buckets)) {
				records.Strange(path, line)
				return
			}
			kind := "plain "
			if capitals {
				kind = "capitals "
			}
			i := inputFileOf(n, e.lines)
			records.See(path, kind+strconv.Itoa(i), n-i*e.lines/inputFiles)
		})
		if err != nil {
			return "", err
		}
	}
	summary, err := records.Verdict()
	return fmt.Sprintf("%s, in %d files", summary, len(files)), err
}

// parseLine returns the number of a line and whether it is in capitals.
func parseLine(line string) (n int, capitals, ok bool) {
	capitals = strings.HasPrefix(line, `{"SEQ":"`)
	if !capitals && !strings.HasPrefix(line, `{"seq":"`) || len(line) < 16 {
		return 0, false, false
	}
	n, err := strconv.Atoi(line[8:16])
	return n, capitals, err == nil && n >= 0
}
