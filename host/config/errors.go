package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a job file.
type Problem struct {
	File string `json:"file"`           // as it was named to Load or Parse
	Line int    `json:"line,omitempty"` // from 1; 0 when the problem is the file as a whole
	Key  string `json:"key,omitempty"`  // dotted path, "sinks.out.topic"
	Text string `json:"text"`           // what is wrong and, after a semicolon, what to do
}

// String formats p as "job.toml:14: sinks.out.topic: required; name the topic to write to".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Key != "" {
		b.WriteString(": " + p.Key)
	}
	return b.String() + ": " + p.Text
}

// Error is returned by Load, Parse and Job.Refuse: the job file is refused. It holds at least one
// problem, sorted by line. The command prints it and exits with 2.
type Error struct{ Problems []Problem }

// Error returns the problems, one to a line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// collector gathers the problems and warnings of one file.
type collector struct {
	file     string
	problems []Problem
	warnings []Problem
	mask     mask
	blamed   map[string]bool // keys with problems
	touched  map[string]bool // the same, and all above them
}

// addf adds a problem.
func (c *collector) addf(line int, key, format string, args ...any) {
	c.touch(key)
	c.problems = append(c.problems, c.problem(line, key, format, args...))
}

// warnf adds a warning.
func (c *collector) warnf(line int, key, format string, args ...any) {
	c.warnings = append(c.warnings, c.problem(line, key, format, args...))
}

func (c *collector) problem(line int, key, format string, args ...any) Problem {
	return Problem{File: c.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)}
}

// has reports whether a problem is known for key or for something below it.
func (c *collector) has(key string) bool { return c.touched[key] }

// touch notes key and every table and list above it.
func (c *collector) touch(key string) {
	if c.touched == nil {
		c.blamed, c.touched = map[string]bool{}, map[string]bool{}
	}
	c.blamed[key] = true
	for i := range len(key) {
		if key[i] == '.' || key[i] == '[' {
			c.touched[key[:i]] = true
		}
	}
	c.touched[key] = true
}

// sorted returns list in the order of the file, masked and without repetitions.
func (c *collector) sorted(list []Problem) []Problem {
	for i := range list {
		list[i].Text = c.mask.apply(list[i].Text)
	}
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(list)
}

// err returns the problems as an *Error, or nil when there are none.
func (c *collector) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return &Error{Problems: c.sorted(c.problems)}
}
