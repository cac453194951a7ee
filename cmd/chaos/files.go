package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Shape of the input: enough files that tasks share some and have others to themselves.
const (
	inputFiles = 7
	buckets    = 4
)

// fileEnds judge a job that reads files, upper-cases them in a guest and writes them into buckets.
// It implements chaos.Ends.
type fileEnds struct {
	dir    string
	binary string
	guests string // folder of built guests
	lines  int
	rate   int // records a second while slow

	mu struct {
		sync.Mutex
		seen map[string]identity // of every final file that was ever visible
	}
}

// identity of a visible file: it must not change.
type identity struct {
	size  int64
	mtime int64
	inode uint64
}

func newFileEnds(dir, binary, guests string, lines, rate int) (*fileEnds, error) {
	e := &fileEnds{dir: dir, binary: binary, guests: guests, lines: lines, rate: rate}
	e.mu.seen = map[string]identity{}
	return e, e.writeInput()
}

func (e *fileEnds) input() string  { return filepath.Join(e.dir, "input") }
func (e *fileEnds) output() string { return filepath.Join(e.dir, "output") }

// writeInput writes the lines, numbered from 0, block by block into the files.
func (e *fileEnds) writeInput() error {
	if err := os.MkdirAll(e.input(), 0o755); err != nil {
		return err
	}
	for i := range inputFiles {
		if err := e.writeFile(i); err != nil {
			return fmt.Errorf("writing input file %d: %w", i, err)
		}
	}
	return nil
}

func (e *fileEnds) writeFile(i int) (err error) {
	f, err := os.Create(filepath.Join(e.input(), fmt.Sprintf("lines-%d.txt", i)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := i * e.lines / inputFiles; n < (i+1)*e.lines/inputFiles; n++ {
		fmt.Fprintf(w, `{"seq":"%08d","bucket":"b%d","text":"the quick brown fox %d"}`+"\n",
			n, n%buckets, n*7919)
	}
	return w.Flush()
}

// Start implements chaos.Ends.
func (e *fileEnds) Start(parallelism int, slow bool) ([]string, error) {
	job, err := e.writeJob(parallelism, slow)
	return []string{e.binary, "run", job}, err
}

// Takeover implements chaos.Ends.
func (e *fileEnds) Takeover(parallelism int, slow bool) ([]string, error) {
	job, err := e.writeJob(parallelism, slow)
	return []string{e.binary, "run", "--takeover", job}, err
}

// writeJob writes a job file of its own for every run: the one before may still be read.
func (e *fileEnds) writeJob(parallelism int, slow bool) (string, error) {
	limit := ""
	if slow {
		limit = fmt.Sprintf("rate_limit = %d", e.rate)
	}
	f, err := os.CreateTemp(e.dir, "job-*.toml")
	if err != nil {
		return "", err
	}
	bucketer := filepath.Join(e.guests, "bucket-by-field.wasm")
	_, err = fmt.Fprintf(f, `
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
config = { field = "bucket" }
[plugins.upper]
path = %q
config = { field = "BUCKET" }
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
`, parallelism, filepath.Join(e.guests, "uppercase.wasm"), bucketer, bucketer, limit)
	return f.Name(), errors.Join(err, f.Close())
}

// Watch implements chaos.Ends: a file that was visible stays as it was.
func (e *fileEnds) Watch() error {
	now, err := e.visible()
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for path, was := range e.mu.seen {
		if is, ok := now[path]; !ok {
			return fmt.Errorf("final file %s vanished", path)
		} else if is != was {
			return fmt.Errorf("final file %s changed from %+v to %+v", path, was, is)
		}
	}
	e.mu.seen = now
	return nil
}

// visible returns the final files.
func (e *fileEnds) visible() (map[string]identity, error) {
	out := map[string]identity{}
	err := filepath.WalkDir(e.output(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // not there yet, or a pending file that moved on
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".wasmflow":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		out[path] = identity{info.Size(), info.ModTime().UnixNano(), st.Ino}
		return nil
	})
	return out, err
}

// Check implements chaos.Ends: every line is there once as it was read and once in capitals, in
// the folder of its bucket, and in the order of the input within each file.
func (e *fileEnds) Check() (string, error) {
	files, err := e.visible()
	if err != nil {
		return "", err
	}
	c := &checker{plain: make([]uint8, e.lines), upper: make([]uint8, e.lines)}
	for path := range files {
		if err := c.file(path); err != nil {
			return "", err
		}
	}
	return c.verdict(len(files))
}

// checker counts lines.
type checker struct {
	plain, upper       []uint8 // how often each number was seen
	reordered, strange int
	example            string
}

func (c *checker) file(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	last := map[string]int{} // highest number so far, by input file and case
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		c.line(path, lines.Text(), last)
	}
	return lines.Err()
}

func (c *checker) line(path, line string, last map[string]int) {
	upper := strings.HasPrefix(line, `{"SEQ":"`)
	if !upper && !strings.HasPrefix(line, `{"seq":"`) || len(line) < 16 {
		c.strange++
		c.example = path + ": " + line
		return
	}
	n, err := strconv.Atoi(line[8:16])
	if err != nil || n < 0 || n >= len(c.plain) ||
		!strings.EqualFold(filepath.Base(filepath.Dir(path)), "b"+strconv.Itoa(n%buckets)) {
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

// inputFileOf returns the file that line n was written to.
func inputFileOf(n, lines int) int {
	for i := range inputFiles {
		if n < (i+1)*lines/inputFiles {
			return i
		}
	}
	return inputFiles
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
