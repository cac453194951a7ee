package guestwork

import (
	"context"
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// FrameRecords is how many records a frame holds: with 100 bytes each it is a tenth of the largest
// frame a job makes.
const FrameRecords = 256

const (
	outRecordsSoft = 1 << 15
	outBytesSoft   = 1 << 20
)

// Frames gives a function frames of FrameRecords equal records, without keys.
type Frames struct {
	function uint32
	role     abi.Role
	outputs  int
	value    []byte
	enc      abi.Encoder
	out      abi.Output
}

// NewFrames returns frames of value for a function of m.
func NewFrames(m *guest.Module, function, value string) (*Frames, error) {
	i, err := m.Function(function)
	if err != nil {
		return nil, err
	}
	f := &m.Description().Functions[i]
	return &Frames{
		function: uint32(i), role: f.Role, outputs: len(f.Outputs), value: []byte(value),
	}, nil
}

// Run has the function work on n frames.
func (f *Frames) Run(ctx context.Context, in *guest.Instance, n int) error {
	for range n {
		if err := f.once(ctx, in, nil); err != nil {
			return err
		}
	}
	return nil
}

// Answers has the function work on one frame and tells what became of its records, a line for each
// entry of the output.
func (f *Frames) Answers(ctx context.Context, in *guest.Instance) (string, error) {
	var b strings.Builder
	err := f.once(ctx, in, func() error {
		for i := range f.out.Len() {
			var e abi.Entry
			f.out.Read(i, &e)
			if e.Status == abi.StatusError {
				code, text := f.out.Error(i)
				return fmt.Errorf("record %d fails with code %d: %s", e.Parent, code, text) // K1
			}
			if e.Flags&abi.OutSameValue != 0 {
				e.Value = f.value // not to forward it is another way to the same answer
			}
			target, _ := f.out.Target(i)
			fmt.Fprintf(&b, "%d: status %d, output %d, key %q, value %q, target %q\n", e.Parent,
				e.Status, e.Output, e.Key, e.Value, target)
		}
		return nil
	})
	return b.String(), err
}

// once works on a frame; each sees f.out after each call.
func (f *Frames) once(ctx context.Context, in *guest.Instance, each func() error) error {
	layout := abi.Layout{Records: FrameRecords, Arena: int64(FrameRecords * len(f.value))}
	size, err := layout.Size()
	if err != nil {
		return err
	}
	region, err := in.Reserve(ctx, size)
	if err != nil {
		return err
	}
	info := abi.FrameInfo{OutRecordsSoft: outRecordsSoft, OutBytesSoft: outBytesSoft}
	if err := f.enc.Begin(region, layout, info); err != nil {
		return err
	}
	for range FrameRecords {
		f.enc.Append(nil, f.value, 0)
	}
	f.enc.Finish()
	call := abi.Call{Role: f.role, Count: FrameRecords, Outputs: f.outputs}
	for call.First < FrameRecords {
		ptr, err := in.Process(ctx, guest.Call{Function: f.function, First: call.First})
		if err != nil {
			return err
		}
		if err := f.out.Decode(in.Memory(), ptr, call, abi.DefaultLimits()); err != nil {
			return err
		}
		in.Discard()
		if each != nil {
			if err := each(); err != nil {
				return err
			}
		}
		call.First = f.out.Consumed()
	}
	return nil
}
