package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// life is what the next call of an instance depends on beside the call itself.
type life struct {
	started  int64  // clock at which the instance was made
	frames   uint64 // that it was given
	reserved uint32 // what it was asked for as a region
}

// refusedAnswer is an answer in which something is not as the guest ABI has it.
type refusedAnswer struct {
	err    error
	digest string // of the answer, where failures are captured
}

func (e *refusedAnswer) Error() string { return "reading the output: " + e.err.Error() }
func (e *refusedAnswer) Unwrap() error { return e.err }

// attempt is how far the guest came with a frame.
type attempt struct {
	calls  int // of process, the last one included
	first  uint32
	cursor uint64
	fuel   int64
}

// refuse makes the error of an answer that broke the contract.
func (r *runner) refuse(err error, ptr uint32) error {
	e := &refusedAnswer{err: err}
	if r.cfg.Capture != nil {
		e.digest = capture.Digest(r.inst.Memory(), ptr)
	}
	return e
}

// failed notes the failure of a frame, if it is one to be captured: something the guest did, and
// not that the host has no more time or a record has no room.
func (r *runner) failed(s span, layout abi.Layout, info abi.FrameInfo, allowance guest.Allowance,
	cause error,
) {
	r.failure = nil
	var trap *guest.TrapError
	var answer *refusedAnswer
	var opening *guest.RefusedError
	if r.cfg.Capture == nil || errors.As(cause, &opening) ||
		!errors.As(cause, &trap) && !errors.As(cause, &answer) {
		return
	}
	outcome := capture.OutcomeOf(cause)
	alone := allowance == guest.AllowRecord
	if !r.cfg.Capture.Wants(r.cfg.Module.SHA256(), r.spec.Name, alone, &outcome, r.cfg.Now()) {
		return
	}
	size, err := layout.Size()
	if err != nil {
		return // the frame was never written
	}
	frame := make([]byte, size)
	if err := r.framer.write(frame, r.in, s, layout, info); err != nil {
		return
	}
	b := &capture.Batch{Header: r.captureHeader(), Frame: frame}
	b.Alone, b.Reserved = alone, r.life.reserved
	if r.life.frames > 0 {
		b.FramesBefore = r.life.frames - 1
	}
	b.Places, b.Splits = r.places(s)
	b.Outcome = outcome
	b.Outcome.Calls, b.Outcome.Fuel = r.at.calls, r.at.fuel
	b.Outcome.First, b.Outcome.Cursor = r.at.first, r.at.cursor
	if answer != nil {
		b.Outcome.Answer = answer.digest
	}
	r.failure = b
}

func (r *runner) captureHeader() capture.Header {
	m := r.cfg.Module
	config := r.cfg.PluginConfig
	if config == nil {
		config = []byte("{}")
	}
	return capture.Header{
		Captured: r.cfg.Now(), Job: r.cfg.Job, Step: r.cfg.Step, Plugin: r.cfg.Capture.Plugin(),
		Function: r.spec.Name, Role: r.spec.Role, Module: m.SHA256(),
		ModuleVersion: m.Description().Version, ABI: fmt.Sprintf("%d.%d", abi.Major, abi.Minor),
		Rewriter: m.Rewriter(), Config: config,
		Limits:  capture.LimitsOf(m.Limits(), r.limits.OutputRecords, r.limits.OutputBytes),
		Started: r.life.started, Time: r.time,
	}
}

// places returns where the records of s came from.
func (r *runner) places(s span) (places []capture.Place, splits []string) {
	index := map[uint32]uint32{}
	for i := s.from; i < s.to; i++ {
		x := &r.in.Records[i]
		p := capture.Place{
			Split: abi.NoString, PositionHi: x.Position.Hi, PositionLo: x.Position.Lo, Ordinal: x.Ordinal,
		}
		if int(x.Split) < len(r.in.Splits) {
			at, ok := index[uint32(x.Split)]
			if !ok {
				at = uint32(len(splits))
				index[uint32(x.Split)] = at
				splits = append(splits, r.in.Splits[x.Split])
			}
			p.Split = at
		}
		places = append(places, p)
	}
	return places, slices.Clip(splits)
}

// keep writes the failure that was noted last to the plugin's captures and returns the path, or ""
// when there is none. Where instead is a capture of the same record in more company, it gives way.
// What keeps a capture from being written is not the job's trouble (K1).
func (r *runner) keep(instead string) (path string) {
	b := r.failure
	r.failure = nil
	if b == nil {
		return instead
	}
	path, err := r.cfg.Capture.Write(b, instead)
	if err != nil {
		log := r.cfg.Logger.Debug
		if !r.mute {
			log, r.mute = r.cfg.Logger.Warn, true
		}
		log("a batch that a guest failed on is not captured", "step", r.cfg.Step, "error", err)
		return ""
	}
	return path
}

// keepAnswer is keep for a failure that ends the batch; the error it returns names the file.
func (r *runner) keepAnswer(ctx context.Context, cause error) error {
	path := r.keep("")
	if path == "" {
		return cause
	}
	r.cfg.Logger.WarnContext(ctx, "a batch that a guest failed on is captured", "step", r.cfg.Step,
		"function", r.spec.Name, "captured", path, "reason", cause)
	return fmt.Errorf("%w%s", cause, inCapture(path))
}

// inCapture names a capture behind a text, with its folder: whoever reads a dead letter gives that
// path to wasmflow replay.
func inCapture(path string) string {
	if path == "" {
		return ""
	}
	return "; captured as " + path
}
