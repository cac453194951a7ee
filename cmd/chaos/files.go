package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// inputFiles is enough that tasks share some files and have others to themselves.
const inputFiles = 7

// fileEnds are the ends of a job that reads files and writes files. It implements chaos.Ends; what
// the lines are, what the job does with them and how the output is judged are its fields.
type fileEnds struct {
	dir    string
	binary string
	lines  int
	rate   int // records a second while slow
	line   func(n int) string
	job    func(parallelism int, limit string) string
	judge  func(files []string, e *fileEnds) (string, error)
	end    func() error // stops what the ends need beside the job; nil for nothing
	// live output grows and is taken back where readers see it, so it is not watched.
	live bool

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

// close ends what the trial started beside the job.
func (e *fileEnds) close() error {
	if e.end == nil {
		return nil
	}
	end := e.end
	e.end = nil
	return end()
}

func (e *fileEnds) input() string  { return filepath.Join(e.dir, "input") }
func (e *fileEnds) output() string { return filepath.Join(e.dir, "output") }

// prepare writes the input and has the plugins compiled once: a process that is killed before its
// plugins are compiled proves nothing.
func (e *fileEnds) prepare() error {
	if err := e.writeInput(); err != nil {
		return err
	}
	job, err := e.writeJob(1, true)
	if err != nil {
		return err
	}
	if out, err := exec.Command(e.binary, "validate", job).CombinedOutput(); err != nil {
		return fmt.Errorf("validating the job: %w: %s", err, out)
	}
	return nil
}

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
		if _, err := w.WriteString(e.line(n) + "\n"); err != nil {
			return err
		}
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
	_, err = f.WriteString(e.job(parallelism, limit))
	return f.Name(), errors.Join(err, f.Close())
}

// Watch implements chaos.Ends: a file that was visible stays as it was.
func (e *fileEnds) Watch() error {
	if e.live {
		return nil
	}
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

// Check implements chaos.Ends.
func (e *fileEnds) Check() (string, error) {
	files, err := e.visible()
	if err != nil {
		return "", err
	}
	return e.judge(slices.Sorted(maps.Keys(files)), e)
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

// eachLine calls f with every line of a file.
func eachLine(path string, f func(line string)) (err error) {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f(lines.Text())
	}
	return lines.Err()
}
