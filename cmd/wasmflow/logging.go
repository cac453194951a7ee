package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
)

// logFlags are the flags of a command that logs.
type logFlags struct {
	format string
	level  string
}

// logger returns what the flags of command c ask for. A job that is well logs nothing at the
// default level.
func (f logFlags) logger(c string, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.level)); err != nil {
		return nil, usagef(c, "--log-level: %q is none of debug, info, warn, error", f.level)
	}
	opts := &slog.HandlerOptions{Level: level}
	switch f.format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, usagef(c, "--log-format: %q is none of text, json", f.format)
}

// screen is a terminal with one live line at its bottom. Writes go above the line.
type screen struct {
	w  io.Writer
	mu sync.Mutex
	// line is what stands at the bottom; empty is nothing. Guarded by mu.
	line []byte
}

// clearLine moves to the first column and erases to the end of the line.
const clearLine = "\r\x1b[K"

// Write implements io.Writer for whole lines, such as those of a logger.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) == 0 {
		return s.w.Write(b)
	}
	out := bytes.Join([][]byte{[]byte(clearLine), b, s.line}, nil)
	if _, err := s.w.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// show replaces the live line; "" removes it. A terminal that is gone is no reason to end a job.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.line) == 0 && line == "" {
		return
	}
	s.line = []byte(line)
	_, _ = io.WriteString(s.w, clearLine+line)
}
