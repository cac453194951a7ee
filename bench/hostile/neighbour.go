package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
	"github.com/wasmflow/wasmflow/host/operator"
)

const (
	besideTime = 250 * time.Millisecond // of one measurement
	// neighbourRounds is what a batch costs the guest of the second pipeline.
	neighbourRounds = 2_000
)

// kinds are modules of all kinds of attack, by name.
func kinds() []string {
	return []string{
		"loop, br, nothing", "loop, br, store", "loop, br_if, host call", "tree, 2 to the 60",
		"recursion, tree in a ring of 3", "memory, fill 1048576 for ever",
		"bomb, grow and trap", "bomb, fill", "bomb, copy up", "bomb, walk, store",
		"table, grow by 65536 for ever", "step, unreachable in process",
		"argument, log of 0 for ever", "argument, random_get of 1048576 for ever",
	}
}

// beside is what a second pipeline has beside one kind of module.
type beside struct {
	name string
	// share is of what it has beside an honest guest, the median of the rounds.
	share float64
	// cpu is what the process took beside the module, as a share of what it took beside the honest
	// guest.
	cpu float64
}

// neighbours measures what the second pipeline has, in turns beside an honest guest and beside each
// kind of module (H2).
func neighbours(
	ctx context.Context, all []specimens.Specimen, rounds int,
) (list []beside, err error) {
	rt, err := guest.NewRuntime(guest.Config{})
	if err != nil {
		return nil, err
	}
	var open []*pipeline
	defer func() {
		for _, p := range open {
			err = errors.Join(err, p.close(ctx))
		}
	}()
	pipelineOf := func(module []byte) (*pipeline, error) {
		p, err := newPipeline(ctx, rt, module)
		if err == nil {
			open = append(open, p)
		}
		return p, err
	}
	second, err := pipelineOf(specimens.Honest(neighbourRounds))
	if err != nil {
		return nil, err
	}
	control, err := pipelineOf(specimens.Honest(honestRounds))
	if err != nil {
		return nil, err
	}
	for _, name := range kinds() {
		for _, s := range all {
			if s.Name != name {
				continue
			}
			progress("a second pipeline beside %q", name)
			hostile, err := pipelineOf(s.Module)
			if err != nil {
				return nil, fmt.Errorf("opening %q: %w", name, err)
			}
			list = append(list, measureBeside(ctx, name, second, control, hostile, rounds))
		}
	}
	return list, nil
}

func measureBeside(
	ctx context.Context, name string, second, control, hostile *pipeline, rounds int,
) beside {
	var shares, cpus []float64
	for round := range rounds {
		var batches [2]float64
		var cpu [2]time.Duration
		for i := range 2 {
			at := (i + round) % 2
			other := []*pipeline{control, hostile}[at]
			batches[at], cpu[at] = second.beside(ctx, other)
		}
		shares = append(shares, batches[1]/batches[0])
		cpus = append(cpus, float64(cpu[1])/float64(cpu[0]))
	}
	return beside{name, measure.Median(shares), measure.Median(cpus)}
}

// pipeline is a module and a transform of it, with batches that are used again as a task does.
type pipeline struct {
	module    *guest.Module
	transform *operator.Transform
	in, out   connectors.Batch
	faults    connectors.Faults
	value     []byte
	position  uint64
}

func newPipeline(ctx context.Context, rt *guest.Runtime, module []byte) (*pipeline, error) {
	m, err := rt.Load(ctx, guest.Source{Path: "specimen.wasm", Bytes: module}, limits(false))
	if err != nil {
		return nil, err
	}
	tr, err := operator.NewTransform(ctx, operator.Config{
		Module: m, Function: specimens.Function, Job: "hostile", Now: time.Now, Pace: time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return &pipeline{module: m, transform: tr, value: []byte("one")}, nil
}

func (p *pipeline) close(ctx context.Context) error {
	return errors.Join(p.transform.Close(), p.module.Close(ctx))
}

// batch gives the pipeline a batch of one record. What it is told does not matter here.
func (p *pipeline) batch(ctx context.Context) {
	p.in.Reset()
	p.out.Reset()
	p.faults.Reset()
	split := p.in.SplitIndex("s")
	r := p.in.Append()
	r.Split, r.Value, r.Position.Lo = split, p.value, p.position
	p.position++
	_ = p.transform.Transform(ctx, &p.in, &p.out, &p.faults)
}

// beside runs p while other runs on a goroutine of its own, and returns how many batches p got
// through in a second, and what the process took.
func (p *pipeline) beside(ctx context.Context, other *pipeline) (float64, time.Duration) {
	var over atomic.Bool
	done := make(chan struct{})
	go func() { // until over
		defer close(done)
		for !over.Load() {
			other.batch(ctx)
		}
	}()
	before, began := measure.OwnCPU(), time.Now()
	n := 0
	for time.Since(began) < besideTime {
		p.batch(ctx)
		n++
	}
	rate := float64(n) / time.Since(began).Seconds()
	over.Store(true)
	<-done
	return rate, measure.OwnCPU() - before
}
