package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A module of 300 kB can keep the compiler busy for minutes, or have it take gigabytes. So it is
// compiled by a process of its own first, with limits of the operating system, at the lowest
// priority. What that process made is taken from the cache it wrote.

// compileOrder is the first line of what the process is given; the module follows.
type compileOrder struct {
	Cache       string `json:"cache"` // folder of the entry
	MemoryPages uint32 `json:"memory_pages"`
	DataBytes   int64  `json:"data_bytes"` // what the process may take of memory
	Seconds     uint64 `json:"seconds"`    // and of processor time
}

// compileAnswer is what the process writes when it comes to its end.
type compileAnswer struct {
	Invalid string `json:"invalid,omitempty"` // what the engine has against the module
}

// compileRefusal is a verdict as a cache keeps it. It holds for the limits it was made under.
type compileRefusal struct {
	Limits string `json:"limits"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

const (
	// compilePoll is how often the memory of the process is looked at. A compiler takes some
	// hundred MiB a second; the limit of the operating system on its data is the firm bound.
	compilePoll = 20 * time.Millisecond
	// compilerTextMax is kept of what the process says when it dies.
	compilerTextMax = 4 << 10
	// compilerOutOfTime is the exit code of a compiler that has used up its time.
	compilerOutOfTime = 3
)

func compileLimits(l Limits) string {
	return fmt.Sprintf("%d bytes, %v", l.CompileBytes, l.CompileTime)
}

// tryApart has the module compiled by another process, unless the entry knows how that ends.
func (r *Runtime) tryApart(
	ctx context.Context, m *Module, binary []byte, entry cacheEntry, known bool,
) error {
	if known {
		text, ok := entry.refusal()
		if !ok {
			return nil
		}
		var verdict compileRefusal
		if err := json.Unmarshal(text, &verdict); err == nil &&
			verdict.Limits == compileLimits(m.limits) {
			return refuse(verdict.Remedy, "%s", verdict.Reason)
		}
		entry.remove()
	}
	end, err := r.runCompiler(ctx, m, binary, entry)
	if err != nil {
		return err
	}
	answer, verdict, err := end.judge(m.limits)
	switch {
	case err != nil:
		return err
	case verdict != nil:
		text, err := json.Marshal(verdict)
		if err != nil {
			return fmt.Errorf("keeping a verdict: %w", err)
		}
		entry.refuse(text)
		return refuse(verdict.Remedy, "%s", verdict.Reason)
	case answer.Invalid != "":
		return refuse("build it again: the file is damaged", "is not valid: %s", answer.Invalid)
	}
	return nil
}

// compilerEnd is how the process ended.
type compilerEnd struct {
	err      error // of exec.Cmd.Wait
	state    *os.ProcessState
	answer   []byte
	text     string // what it said on standard error
	tooLarge bool   // it was ended for its memory
}

// runCompiler runs the process to its end, or ends it when it takes too much memory.
func (r *Runtime) runCompiler(
	ctx context.Context, m *Module, binary []byte, entry cacheEntry,
) (compilerEnd, error) {
	order, err := json.Marshal(compileOrder{
		Cache: entry.dir, MemoryPages: m.limits.memoryPages(), DataBytes: m.limits.CompileBytes,
		Seconds: uint64(max((m.limits.CompileTime+time.Second-1)/time.Second, 1)),
	})
	if err != nil {
		return compilerEnd{}, fmt.Errorf("ordering a compilation: %w", err)
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(running, r.cfg.Compiler[0], r.cfg.Compiler[1:]...)
	cmd.Stdin = io.MultiReader(bytes.NewReader(append(order, '\n')), bytes.NewReader(binary))
	setApart(cmd)
	var answer bytes.Buffer
	var text clippedBuffer
	cmd.Stdout, cmd.Stderr = &answer, &text
	if err := cmd.Start(); err != nil {
		return compilerEnd{}, fmt.Errorf("starting the compiler: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }() // ends with the process, which is waited for below
	end := compilerEnd{}
	poll := time.NewTicker(compilePoll)
	defer poll.Stop()
	for {
		select {
		case end.err = <-exited:
			if err := ctx.Err(); err != nil {
				return end, err
			}
			end.state, end.answer, end.text = cmd.ProcessState, answer.Bytes(), text.String()
			return end, nil
		case <-poll.C:
			if residentBytes(cmd.Process.Pid) > m.limits.CompileBytes {
				end.tooLarge = true
				cancel()
			}
		}
	}
}

// judge tells a verdict on the module from what it is not to blame for.
func (e compilerEnd) judge(l Limits) (*compileAnswer, *compileRefusal, error) {
	cpu := e.state.UserTime() + e.state.SystemTime()
	switch {
	case e.err == nil:
		var answer compileAnswer
		if err := json.Unmarshal(e.answer, &answer); err != nil {
			return nil, nil, fmt.Errorf("reading the compiler's answer: %w", err)
		}
		return &answer, nil, nil
	case e.tooLarge, strings.Contains(e.text, "out of memory"),
		strings.Contains(e.text, "cannot allocate memory"):
		return nil, &compileRefusal{
			Limits: compileLimits(l),
			Reason: fmt.Sprintf("takes more than %d bytes of memory to compile", l.CompileBytes),
			Remedy: "split large functions, or raise limits.compile_memory",
		}, nil
	case e.state.ExitCode() == compilerOutOfTime, !e.state.Exited() && cpu >= l.CompileTime:
		return nil, &compileRefusal{
			Limits: compileLimits(l),
			Reason: fmt.Sprintf("takes more than %v of processor time to compile", l.CompileTime),
			Remedy: "split large functions, or raise limits.compile_time",
		}, nil
	}
	line, _, _ := strings.Cut(strings.TrimSpace(printableLines(e.text)), "\n")
	return nil, nil, fmt.Errorf("compiling in a process of its own: %w", errors.Join(e.err,
		errors.New(clip(line, reasonBytesMax))))
}

// clippedBuffer keeps the beginning of what is written to it.
type clippedBuffer struct{ strings.Builder }

func (b *clippedBuffer) Write(p []byte) (int, error) {
	_, err := b.Builder.Write(p[:min(len(p), compilerTextMax-b.Len())])
	return len(p), err
}
