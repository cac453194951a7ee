package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/bench/guestwork"
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

// frame is a function of the guest ABI, given frames of equal records.
func frame(function, value string) workload {
	return workload{name: function, open: func(m *guest.Module) (runner, error) {
		f, err := guestwork.NewFrames(m, function, value)
		if err != nil {
			return nil, err
		}
		return frames{f}, nil
	}}
}

// frames has no answer: outputs are in the memory.
type frames struct{ *guestwork.Frames }

func (f frames) run(ctx context.Context, in *guest.Instance, n int) (uint64, error) {
	return 0, f.Run(ctx, in, n)
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
