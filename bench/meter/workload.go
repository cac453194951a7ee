package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// workload is what a module is made to do. run does it n times.
type workload struct {
	name  string
	probe bool // no program: shown beside the others, no part of the bounds
	open  func(m *guest.Module) (runner, error)
}

type runner interface {
	// run returns the sum of what the guest has returned, if that is an answer.
	run(ctx context.Context, in *guest.Instance, n int) (uint64, error)
}

// frameRecords is how many records a frame holds.
const frameRecords = 256

// frame is a function of the guest ABI, given frames of equal records.
func frame(function, value string) workload {
	return workload{name: function, open: func(m *guest.Module) (runner, error) {
		i, err := m.Function(function)
		if err != nil {
			return nil, err
		}
		f := &frames{function: uint32(i), role: m.Description().Functions[i].Role, value: []byte(value)}
		f.outputs = len(m.Description().Functions[i].Outputs)
		return f, nil
	}}
}

type frames struct {
	function uint32
	role     abi.Role
	outputs  int
	value    []byte
	enc      abi.Encoder
	out      abi.Output
}

// run has no answer: outputs are in the memory.
func (f *frames) run(ctx context.Context, in *guest.Instance, n int) (uint64, error) {
	for range n {
		if err := f.once(ctx, in); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func (f *frames) once(ctx context.Context, in *guest.Instance) error {
	layout := abi.Layout{Records: frameRecords, Arena: int64(frameRecords * len(f.value))}
	size, err := layout.Size()
	if err != nil {
		return err
	}
	region, err := in.Reserve(ctx, size)
	if err != nil {
		return err
	}
	info := abi.FrameInfo{OutRecordsSoft: 1 << 15, OutBytesSoft: 1 << 20}
	if err := f.enc.Begin(region, layout, info); err != nil {
		return err
	}
	for range frameRecords {
		f.enc.Append(nil, f.value, 0)
	}
	f.enc.Finish()
	call := abi.Call{Role: f.role, Count: frameRecords, Outputs: f.outputs}
	for call.First < frameRecords {
		ptr, err := in.Process(ctx, guest.Call{Function: f.function, First: call.First})
		if err != nil {
			return err
		}
		if err := f.out.Decode(in.Memory(), ptr, call, abi.DefaultLimits()); err != nil {
			return err
		}
		in.Discard()
		call.First = f.out.Consumed()
	}
	return nil
}

// exported are the numbered workloads of a module's export "bench".
func exported(names ...string) []workload {
	var list []workload
	for i, name := range names {
		list = append(list, workload{name: name, open: func(*guest.Module) (runner, error) {
			return export(i), nil
		}})
	}
	return list
}

type export int

func (e export) run(ctx context.Context, in *guest.Instance, n int) (uint64, error) {
	answer, err := in.Export(ctx, "bench", uint64(e), uint64(n))
	if err != nil {
		return 0, fmt.Errorf("running workload %d: %w", e, err)
	}
	return answer, nil
}

// probes marks the workloads of these names as no programs.
func probes(list []workload, names ...string) []workload {
	for i := range list {
		list[i].probe = slices.Contains(names, list[i].name)
	}
	return list
}
