package fstest

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Recorder writes down every call that changes something, one line each, for golden transcripts:
// a missing sync is then a missing line.
type Recorder struct {
	// Root is cut off the front of every path below it.
	Root string
	mu   struct {
		sync.Mutex
		lines []string
	}
}

// Hook is the recorder's hook for Wrap and WrapDisk.
func (r *Recorder) Hook(op Op) Fault {
	if op.Kind.Reads() {
		return Fault{}
	}
	line := string(op.Kind) + " " + r.name(op.Path)
	if op.To != "" {
		line += " -> " + r.name(op.To)
	}
	if op.Kind == Write {
		line += fmt.Sprintf(" (%d bytes)", op.Bytes)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.lines = append(r.mu.lines, line)
	return Fault{}
}

// Note adds a comment line, to mark what the test does next.
func (r *Recorder) Note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.lines = append(r.mu.lines, "# "+text)
}

// String returns the transcript so far.
func (r *Recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.mu.lines, "\n") + "\n"
}

// tempPattern matches the changing part of temporary names.
var tempPattern = regexp.MustCompile(`\.[0-9a-z]+-[0-9]+\.tmp$`)

func (r *Recorder) name(p string) string {
	if rest, ok := strings.CutPrefix(p, r.Root); ok && r.Root != "" {
		p = "." + rest
	}
	return tempPattern.ReplaceAllString(p, ".tmp")
}
