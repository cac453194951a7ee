package abi

import (
	"errors"
	"fmt"
)

// ErrUnsupported is wrapped by every refusal of something that ABI 1 specifies and this version of
// the host does not offer. The remedy is a newer wasmflow or a guest that does without.
var ErrUnsupported = errors.New("not offered by this version of wasmflow")

// ErrRoom is returned by Encoder.Begin when the destination is smaller than the layout needs.
// The caller reserves Layout.Size bytes and begins again.
var ErrRoom = errors.New("destination smaller than the frame")

// FrameError says which part of a frame or of an output lied and how. Decoders return nothing else.
// A guest that produced one broke the contract: its instance is not to be used again.
type FrameError struct {
	// Part names the structure: "frame header", "output header", "entry", "column source", ...
	Part string
	// Index is the position within the part, -1 where the part is single.
	Index int64
	// Detail is the statement that does not hold, with the numbers.
	Detail string
}

func (e *FrameError) Error() string {
	if e.Index < 0 {
		return e.Part + ": " + e.Detail
	}
	return fmt.Sprintf("%s %d: %s", e.Part, e.Index, e.Detail)
}

func lie(part string, index int64, format string, args ...any) error {
	return &FrameError{Part: part, Index: index, Detail: fmt.Sprintf(format, args...)}
}

// inPart names the part of a *FrameError that was made without one. A part's name that has to be
// put together is put together only once something is wrong.
func inPart(err error, part string) error {
	var e *FrameError
	if errors.As(err, &e) {
		e.Part = part
	}
	return err
}

// CallError is an output whose status is not CallOK: the guest refused the call as a whole.
type CallError struct {
	Status CallStatus
	// Text is the guest's reason, without control characters and cut to what fits a message.
	Text string
}

func (e *CallError) Error() string {
	reason := "unknown status"
	switch e.Status {
	case CallBadFrame:
		reason = "the guest could not read the frame"
	case CallNoFunction:
		reason = "the guest has no such function"
	case CallInternal:
		reason = "the guest's SDK stopped on an error of its own"
	}
	if e.Text == "" {
		return fmt.Sprintf("guest call status %d: %s", e.Status, reason)
	}
	return fmt.Sprintf("guest call status %d: %s: %s", e.Status, reason, e.Text)
}

// ConfigError is what a guest answers when it refuses its configuration.
type ConfigError struct {
	// Field is the path of the offending field ("rate", "routes[2].topic"), empty if none is to
	// blame.
	Field   string `json:"field"`
	Message string `json:"message"`
}

func (e *ConfigError) Error() string {
	if e.Field == "" {
		return "config: " + e.Message
	}
	return "config." + e.Field + ": " + e.Message
}
