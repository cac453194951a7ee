package guest

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDead is returned by an instance that trapped before. Close it and make a new one.
var ErrDead = errors.New("the instance trapped before and is not used again")

// A RefusedError says why a plugin was not loaded, and what to do about it. It is returned by
// Runtime.Load and by Module.Instantiate; nothing of the plugin has seen a record.
type RefusedError struct {
	Path   string // as the plugin is named in the job file
	Reason string // what is wrong, to be read after the path
	Remedy string // what to do
	Err    error  // the cause, or nil
}

func (e *RefusedError) Error() string {
	text := e.Reason
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

func (e *RefusedError) Unwrap() error { return e.Err }

// A TrapError is returned by a call into a guest that did not come back normally: a trap of the
// engine, an exit, or a broken promise about memory. The instance is dead (G5).
type TrapError struct {
	Plugin string // path of the module
	Call   string // export that was called
	Reason string // one line: "unreachable", "exit with code 2", ...
	// Output is what the guest wrote to stderr during the call, beginning and end: the runtime of
	// a language tells there why it gave up.
	Output string
	// Trace is the guest's stack, innermost function first, as far as the module has names.
	Trace string
	// Record is the record in the progress cell; HasRecord is false when the cell named none.
	Record    uint32
	HasRecord bool
	// Limit is set when a limit of the host ended the call: its setting and value, as
	// "limits.time_per_batch = 1s". Clock tells that it was the clock and not the fuel, so that
	// another machine may come to another end.
	Limit string
	Clock bool

	err error
}

func (e *TrapError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s trapped: %s", e.Plugin, e.Call, e.Reason)
	if e.Limit != "" {
		fmt.Fprintf(&b, " (%s)", e.Limit)
	}
	if line := e.firstLine(); line != "" {
		fmt.Fprintf(&b, ": %s", line)
	}
	return b.String()
}

func (e *TrapError) Unwrap() error { return e.err }

// firstLine is where most runtimes say why; what follows is stacks.
func (e *TrapError) firstLine() string {
	line, _, _ := strings.Cut(e.Output, "\n")
	return line
}

// exitError is thrown out of the guest by proc_exit.
type exitError struct{ code uint32 }

func (e *exitError) Error() string { return fmt.Sprintf("exit with code %d", e.code) }

// abortError is thrown out of the guest by a host function: the guest broke a promise, or asked
// to be ended.
type abortError struct{ text string }

func (e *abortError) Error() string { return e.text }

const (
	traceBytesMax  = 4 << 10 // of a trap's trace: thirty frames with names of usual length
	reasonBytesMax = 512
)

// trapReason splits the engine's error into a line for people and the guest's stack. The names in
// the stack are the guest's choice, so control characters are taken out.
func trapReason(err error) (reason, trace string) {
	text := err.Error()
	reason, trace, _ = strings.Cut(text, "\nwasm stack trace:\n")
	if _, what, ok := strings.Cut(reason, "wasm error: "); ok {
		reason = what
	}
	reason = strings.TrimSuffix(reason, " (recovered by wazero)")
	return printable(clip(reason, reasonBytesMax)), clip(printableLines(trace), traceBytesMax)
}

// crashText keeps the beginning and the end of what is written to it: Go says first what was
// wrong, Python last.
type crashText struct {
	head, tail []byte
	cut        bool // something between the two is gone
}

func (c *crashText) reset() { c.head, c.tail, c.cut = c.head[:0], c.tail[:0], false }

func (c *crashText) add(b []byte) {
	n := min(len(b), crashTextBytesMax-len(c.head))
	c.head, b = append(c.head, b[:n]...), b[n:]
	if over := len(c.tail) + len(b) - crashTextBytesMax; over > 0 {
		c.cut = true
		c.tail = c.tail[:copy(c.tail, c.tail[min(over, len(c.tail)):])]
		b = b[max(len(b)-crashTextBytesMax, 0):]
	}
	c.tail = append(c.tail, b...)
}

func (c *crashText) text() string {
	between := ""
	if c.cut {
		between = "\n...\n"
	}
	return printableLines(string(c.head) + between + string(c.tail))
}

// printableLines cleans each line and leaves empty ones out.
func printableLines(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if line = strings.TrimSpace(printable(line)); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// printable replaces what would move a terminal's cursor or colour it.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return ' '
		}
		return r
	}, s)
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}
