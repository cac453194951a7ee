package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
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
`, parallelism, filepath.Join(guests, "uppercase.wasm"), bucketer, bucketer, limit)
	}
	e.judge = func(files []string) (string, error) {
		c := &checker{plain: make([]uint8, s.lines), upper: make([]uint8, s.lines)}
		for _, path := range files {
			last := map[string]int{}
			if err := eachLine(path, func(line string) { c.line(path, line, last) }); err != nil {
				return "", err
			}
		}
		return c.verdict(len(files))
	}
	return e, e.prepare()
}

// checker counts lines: every one is to be there once as it was read and once in capitals, in the
// folder of its bucket, and in the order of the input within each file.
type checker struct {
	plain, upper       []uint8 // how often each number was seen
	reordered, strange int
	example            string
}

// line takes one line. last holds the highest number so far of this file, by input file and case.
func (c *checker) line(path, line string, last map[string]int) {
	upper := strings.HasPrefix(line, `{"SEQ":"`)
	n := -1
	if (upper || strings.HasPrefix(line, `{"seq":"`)) && len(line) >= 16 {
		if x, err := strconv.Atoi(line[8:16]); err == nil && x < len(c.plain) {
			n = x
		}
	}
	if n < 0 || !strings.EqualFold(filepath.Base(filepath.Dir(path)), "b"+strconv.Itoa(n%buckets)) {
		c.strange++
		c.example = path + ": " + line
		return
	}
	counts, key := c.plain, "plain"
	if upper {
		counts, key = c.upper, "upper"
	}
	if counts[n] < 255 {
		counts[n]++
	}
	key += strconv.Itoa(inputFileOf(n, len(c.plain)))
	if was, ok := last[key]; ok && n <= was {
		c.reordered++
		c.example = path + ": " + line
	}
	last[key] = n
}

func (c *checker) verdict(files int) (string, error) {
	lost, doubled := 0, 0
	for n := range c.plain {
		for _, times := range [...]uint8{c.plain[n], c.upper[n]} {
			switch {
			case times == 0:
				lost++
			case times > 1:
				doubled++
			}
		}
	}
	text := fmt.Sprintf("%d lines in %d files: %d lost, %d doubled, %d out of order, %d strange",
		2*len(c.plain), files, lost, doubled, c.reordered, c.strange)
	if lost+doubled+c.reordered+c.strange > 0 {
		return "", fmt.Errorf("%s; for example %s", text, c.example)
	}
	return text, nil
}
