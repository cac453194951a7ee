package wasmflow

import (
	"errors"
	"runtime"
	"strconv"
	"strings"
)

// Error is the failure of a record with a code of the plugin's own, which the host keeps beside the
// text: in dead letters and metrics.
type Error struct {
	Code uint32
	Text string
}

func (e *Error) Error() string { return e.Text }

// Fail returns an *Error.
func Fail(code uint32, text string) error { return &Error{Code: code, Text: text} }

// FieldError is a refusal of the configuration that blames a field.
type FieldError struct {
	Field   string // path, like "routes[2].topic"
	Message string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// BadField returns a *FieldError, for Validate methods and OnOpen.
func BadField(field, message string) error { return &FieldError{Field: field, Message: message} }

func codeOf(err error) uint32 {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// panicText describes a recovered panic and the place in the program where it happened.
func panicText(p any) string {
	text := "panic: "
	switch v := p.(type) {
	case error:
		text += v.Error()
	case string:
		text += v
	case interface{ String() string }:
		text += v.String()
	default:
		text += "a value that is neither an error nor text"
	}
	if place := panicPlace(); place != "" {
		text += " (" + place + ")"
	}
	return text
}

// panicFramesMax bounds the search for the place of a panic.
const panicFramesMax = 32

// panicPlace returns file:line of the innermost frame below the panic that is not the runtime's.
func panicPlace() string {
	var pcs [panicFramesMax]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs[:])])
	panicked := false
	for {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime && f.File != "" {
			return f.File[strings.LastIndexByte(f.File, '/')+1:] + ":" + strconv.Itoa(f.Line)
		}
		if f.Function == "runtime.gopanic" {
			panicked = true
		}
		if !more {
			return ""
		}
	}
}
