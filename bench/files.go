package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
)

// The file benchmark: a job over 2 GiB of lines.
const (
	fileBytes  = 2 << 30
	fileRounds = 3
	fileTasks  = 2
	fileLine   = 100 // bytes, the delimiter included
)

// fileResult is what the file benchmark found, by contender.
type fileResult struct {
	CPU  map[string]time.Duration // median
	RSS  map[string]int64         // highest, bytes
	Wall map[string]time.Duration // median
}

// Names of the contenders.
const (
	nameC      = "wasmflow, C guest"
	nameGo     = "wasmflow, Go guest"
	nameNative = "native Go job"
	nameTr     = "tr a-z A-Z"
)

// fileBench runs file -> guest -> bucketing as a process, beside the same job in plain Go and tr.
func fileBench(
	dir, binary, self, cGuest, goGuest string, progress func(string),
) (fileResult, error) {
	input := filepath.Join(dir, "input.txt")
	progress("writing 2 GiB of input")
	if err := writeLines(input); err != nil {
		return fileResult{}, fmt.Errorf("writing the input: %w", err)
	}
	output := filepath.Join(dir, "output")
	wasmflow := func(guest string) func() (usage, error) {
		return func() (usage, error) {
			job := filepath.Join(dir, "job.toml")
			if err := writeFileJob(job, guest); err != nil {
				return usage{}, err
			}
			return child(dir, binary, "run", job)
		}
	}
	contenders := []contender{
		{nameC, wasmflow(cGuest)},
		{nameNative, func() (usage, error) {
			return child(dir, self, "-native", input, "-output", output)
		}},
		{nameGo, wasmflow(goGuest)},
		{nameTr, func() (usage, error) {
			if err := os.MkdirAll(output, 0o755); err != nil {
				return usage{}, err
			}
			return child(dir, "sh", "-c", "LC_ALL=C tr a-z A-Z < input.txt > output/part")
		}},
	}
	for i := range contenders {
		contenders[i].run = checked(dir, output, contenders[i].run)
	}
	got, err := interleave(fileRounds, contenders, progress)
	if err != nil {
		return fileResult{}, err
	}
	res := fileResult{
		CPU: map[string]time.Duration{}, RSS: map[string]int64{}, Wall: map[string]time.Duration{},
	}
	for name, us := range got {
		res.CPU[name] = measure.Median(cpus(us))
		var walls []time.Duration
		for _, u := range us {
			res.RSS[name] = max(res.RSS[name], u.rss)
			walls = append(walls, u.wall)
		}
		res.Wall[name] = measure.Median(walls)
	}
	return res, nil
}

// checked runs a contender on an empty output folder and checks what it wrote (B3).
func checked(dir, output string, run func() (usage, error)) func() (usage, error) {
	return func() (u usage, err error) {
		for _, old := range []string{output, filepath.Join(dir, "store")} {
			if err := os.RemoveAll(old); err != nil {
				return usage{}, err
			}
		}
		if u, err = run(); err != nil {
			return u, err
		}
		return u, checkOutput(output)
	}
}

// checkOutput checks that all bytes arrived and that the first lines are in capitals.
func checkOutput(output string) error {
	var total int64
	err := filepath.WalkDir(output, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		line, err := bufio.NewReader(f).ReadString('\n')
		if err == nil && line != strings.ToUpper(line) {
			err = fmt.Errorf("%s is not in capitals: %q", path, line)
		}
		return errors.Join(err, f.Close())
	})
	if err == nil && total != fileBytes/fileLine*fileLine {
		err = fmt.Errorf("%d bytes arrived, want %d", total, fileBytes/fileLine*fileLine)
	}
	return err
}

func writeLines(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	filler := strings.Repeat("the quick brown fox jumps over the lazy dog ", 3)
	for n := range fileBytes / fileLine {
		fmt.Fprintf(w, "%012d %s\n", n, filler[n%7:n%7+fileLine-14])
	}
	return w.Flush()
}

func writeFileJob(path, guest string) error {
	return os.WriteFile(path, fmt.Appendf(nil, `
name = "bench"
job = { parallelism = %d }
checkpoint = { interval = "1s", store = "store" }
[plugins.up]
path = %q
[sources.lines]
connector = "file"
path = "input.txt"
[transforms.upper]
from = ["lines"]
plugin = "up"
function = "uppercase"
[sinks.out]
connector = "bucketing"
from = ["upper"]
path = "output"
bucketer = "base-path"
`, fileTasks, guest), 0o644)
}
