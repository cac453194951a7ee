package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// stretchMax is how long a target runs before its processor time is read, by the clock. The
	// kernel tells it only of processes that have ended; to begin again costs seconds.
	stretchMax = 3 * time.Minute
	stretchMin = 5 * time.Second
	// minimizeMax is how often an input is tried in shorter forms.
	minimizeMax = "500x"
)

// fuzzer runs targets one after the other.
type fuzzer struct {
	dir      string
	keep     bool
	parallel int
	out      io.Writer
	figures  []figure
}

// fuzz gives one target its share of processor time, and notes what came of it. The error is that
// of a target that could not run; failing inputs are noted.
func (f *fuzzer) fuzz(ctx context.Context, subject string, t target, share time.Duration) error {
	binary := filepath.Join(f.dir, "bin", filepath.Base(t.folder)+"."+t.name)
	build := exec.CommandContext(ctx, "go", "test", "-c", "-fuzz=^"+t.name+"$", "-o", binary,
		"./"+t.folder)
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s of %s: %w\n%s", t.name, t.folder, err, text)
	}
	cache, corpus := filepath.Join(f.dir, "corpus"), corpusOf(t)
	found := filepath.Join(cache, t.name)
	before, failing := countFiles(found), countFiles(corpus)
	g := figure{subject: subject, target: t.name}
	defer func() { f.figures = append(f.figures, g) }()
	for g.cpu < share && g.findings == 0 && ctx.Err() == nil {
		// One process at a time takes as much processor time as passes, or less.
		wall := min(max((share-g.cpu)/time.Duration(f.parallel), stretchMin), stretchMax)
		text, cpu, err := f.stretch(ctx, t, binary, cache, wall)
		g.cpu += cpu
		g.executions += executions(text)
		g.found = countFiles(found) - before
		g.findings = countFiles(corpus) - failing
		ended := ctx.Err() != nil || strings.Contains(string(text), timeIsUp)
		if err != nil && g.findings == 0 && !ended {
			return fmt.Errorf("running %s of %s: %w\n%s", t.name, t.folder, err, text)
		}
		if g.findings > 0 {
			fmt.Fprintf(f.out, "%s\n", text)
		}
		fmt.Fprintf(f.out, "%s: %s of %s CPU minutes, %d executions, %d new inputs, %d findings\n",
			t.name, minutesOf(g.cpu), minutesOf(share), g.executions, g.found, g.findings)
	}
	if f.keep {
		kept, err := keep(found, corpus)
		if err != nil {
			return err
		}
		g.kept = kept
	}
	return nil
}

// stretch runs a target for some time by the clock and returns what it printed and took.
func (f *fuzzer) stretch(
	ctx context.Context, t target, binary, cache string, wall time.Duration,
) (text []byte, cpu time.Duration, err error) {
	cmd := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.fuzz=^"+t.name+"$",
		"-test.fuzzcachedir="+cache, "-test.fuzztime="+wall.String(),
		"-test.fuzzminimizetime="+minimizeMax, "-test.parallel="+strconv.Itoa(f.parallel))
	cmd.Dir = t.folder
	// Interrupted, it ends its own processes; killed, it would leave them behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("starting %s: %w", binary, err)
	}
	err = cmd.Wait()
	return out.Bytes(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

// timeIsUp is how a target ends, in a failure without a failing input, whose time is over while the
// go tool shortens an input.
const timeIsUp = "context deadline exceeded"

// progress is a line of the go tool's about a target that runs.
var progress = regexp.MustCompile(`execs: (\d+) \(`)

// executions returns how many executions the last line of progress counts.
func executions(text []byte) int64 {
	all := progress.FindAllSubmatch(text, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	if err != nil {
		return 0 // a number beyond 64 bits was not counted by anyone
	}
	return n
}

// countFiles counts the files of a folder, which may not be there yet.
func countFiles(dir string) int {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	return len(entries)
}
