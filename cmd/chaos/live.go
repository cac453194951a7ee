package main

import (
	"fmt"
	"strconv"

	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/sequence"
)

// newLive returns the ends of a job whose output grows where readers see it: the plain file sink.
// What readers see of an epoch that is taken back goes again, so visible files do change; in the
// end every line is there once.
func newLive(dir, binary, _ string, s scale) (*fileEnds, error) {
	e := &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate, live: true}
	e.line = func(n int) string { return fmt.Sprintf("%08d the quick brown fox", n) }
	e.job = func(parallelism int, limit string) string {
		return fmt.Sprintf(`
name = "live"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "50ms"
store = "store"
[restart]
strategy = "none"
[sources.lines]
connector = "file"
path = "input"
%s
[sinks.out]
connector = "file"
from = ["lines"]
path = "output/live"
`, max(2, parallelism), limit) // one task would write a file, several write a folder
	}
	e.judge = judgeLive
	return e, e.prepare()
}

// judgeLive checks that every line is there once, and in the order of the input in each file.
func judgeLive(files []string, e *fileEnds) (string, error) {
	var records sequence.Checker
	for i := range inputFiles {
		records.Expect(strconv.Itoa(i), (i+1)*e.lines/inputFiles-i*e.lines/inputFiles)
	}
	for _, path := range files {
		err := eachLine(path, func(line string) {
			n, err := strconv.Atoi(line[:min(8, len(line))])
			if err != nil || n < 0 || n >= e.lines || line != e.line(n) {
				records.Strange(path, line)
				return
			}
			i := inputFileOf(n, e.lines)
			records.See(path, strconv.Itoa(i), n-i*e.lines/inputFiles)
		})
		if err != nil {
			return "", err
		}
	}
	return records.Verdict()
}
