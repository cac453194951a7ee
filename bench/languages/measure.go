package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/bench/guestwork"
	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/host/guest"
)

const (
	// stretchMin is how long one measurement takes, at least: the kernel's clock of CPU time is
	// exact to a microsecond.
	stretchMin = 20 * time.Millisecond
	// coldLoads and cachedLoads are how often a module is loaded for a median. A cold load of the
	// largest takes seconds.
	coldLoads   = 3
	cachedLoads = 7
	startRounds = 7
	memoryMax   = 256 << 20
)

// The records: 100 bytes of text, and an order in JSON, of as many.
const (
	text = "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs. " +
		"0123456789 xyz"
	order = `{"order":"A-1001","country":"DE","state":"paid","cents":12500,"tags":["a","b"],` +
		`"customer":"anna k."}`
)

// row is what was found out about a contender.
type row struct {
	contender
	size                int           // of the module, bytes
	cold, cached, start time.Duration // to load it, and to make an instance
	memory              int           // of an instance that has worked, bytes
	costs               [2]figure     // of upper and order; the zero value where there is none
	err                 error         // why there is no row after all
}

// figure is what a record was found to cost.
type figure struct {
	each            time.Duration // CPU time of one record, in the first layout
	ratio           float64       // to C
	lowest, highest float64       // of the layouts' ratios
}

func (f figure) there() bool { return f.each > 0 }

// The workloads, as indexes.
const (
	upperWork = iota
	orderWork
)

// workload is what contenders are compared by.
type workload struct {
	name, value, base string
	of                func(*contender) plugin
}

func workloads() [2]workload {
	return [...]workload{
		upperWork: {"upper case", text, scalarC, func(c *contender) plugin { return c.upper }},
		orderWork: {"JSON", order, "C", func(c *contender) plugin { return c.order }},
	}
}

// bench measures contenders.
type bench struct {
	dir      string // for caches
	rounds   int
	layouts  int
	progress func(format string, args ...any)
}

func limits() guest.Limits {
	return guest.Limits{
		MemoryBytes: memoryMax, TimePerBatch: time.Hour, TimeToStart: time.Hour,
	}
}

// run returns a row for each contender. One that fails keeps the others from nothing: its row has
// the error.
func (b *bench) run(ctx context.Context, list []contender) ([]row, error) {
	rows := make([]row, len(list))
	for i := range list {
		b.progress("loading %s", list[i].language)
		rows[i].contender = list[i]
		if err := b.load(ctx, &rows[i]); err != nil {
			rows[i].err = fmt.Errorf("loading %s: %w", list[i].language, err)
		}
	}
	rt, err := guest.NewRuntime(guest.Config{CacheDir: filepath.Join(b.dir, "cache")})
	if err != nil {
		return nil, err
	}
	for at, w := range workloads() {
		if err := b.compare(ctx, rt, at, w, rows); err != nil {
			return nil, fmt.Errorf("measuring %s: %w", w.name, err)
		}
	}
	return rows, nil
}

// load measures what comes before the first record, of the plugin that does most.
func (b *bench) load(ctx context.Context, r *row) error {
	p := r.order
	if !p.there() {
		p = r.upper
	}
	binary, err := p.load(ctx)
	if err != nil {
		return err
	}
	r.size = len(binary)
	var cold, cached []time.Duration
	for range coldLoads {
		dir, err := os.MkdirTemp(b.dir, "cold-")
		if err != nil {
			return fmt.Errorf("making a cold cache: %w", err)
		}
		took, err := b.loadOnce(ctx, dir, binary)
		cold = append(cold, took)
		for range cachedLoads {
			if err != nil {
				break
			}
			took, err = b.loadOnce(ctx, dir, binary)
			cached = append(cached, took)
		}
		if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
			return err
		}
	}
	r.cold, r.cached = measure.Median(cold), measure.Median(cached)
	return b.startUp(ctx, r, binary)
}

// loadOnce is the CPU time it takes to load a module. The collector runs: compiling makes garbage
// that a job has to collect as well.
func (b *bench) loadOnce(ctx context.Context, cache string, binary []byte) (time.Duration, error) {
	rt, err := guest.NewRuntime(guest.Config{CacheDir: cache})
	if err != nil {
		return 0, err
	}
	before := measure.OwnCPU()
	m, err := rt.Load(ctx, guest.Source{Path: "bench", Bytes: binary}, limits())
	took := measure.OwnCPU() - before
	if err != nil {
		return 0, err
	}
	return took, m.Close(ctx)
}

// startUp measures how long it takes to make an instance, and the memory it has when it has worked.
func (b *bench) startUp(ctx context.Context, r *row, binary []byte) (err error) {
	rt, err := guest.NewRuntime(guest.Config{CacheDir: filepath.Join(b.dir, "cache")})
	if err != nil {
		return err
	}
	m, err := rt.Load(ctx, guest.Source{Path: r.language, Bytes: binary}, limits())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close(ctx)) }()
	starts := func(n int) error {
		for range n {
			in, err := m.Instantiate(ctx, guest.InstanceConfig{})
			if err != nil {
				return err
			}
			if err := in.Close(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	n, err := calibrate(starts)
	if err != nil {
		return err
	}
	var took []time.Duration
	for range startRounds {
		d, err := measure.CPU(func() error { return starts(n) })
		if err != nil {
			return err
		}
		took = append(took, d/time.Duration(n))
	}
	r.start = measure.Median(took)
	return b.memoryOf(ctx, r, m)
}

// memoryFrames are so many that a collector in the guest has come around.
const memoryFrames = 100

func (b *bench) memoryOf(ctx context.Context, r *row, m *guest.Module) error {
	in, err := m.Instantiate(ctx, guest.InstanceConfig{})
	if err != nil {
		return err
	}
	w := workloads()[upperWork]
	if r.order.there() {
		w = workloads()[orderWork]
	}
	f, err := guestwork.NewFrames(m, w.of(&r.contender).function, w.value)
	if err == nil {
		err = f.Run(ctx, in, memoryFrames)
	}
	r.memory = len(in.Memory())
	return errors.Join(err, in.Close(ctx))
}

// calibrate finds how many times take a stretch.
func calibrate(run func(n int) error) (int, error) {
	for n := 1; ; n *= 2 {
		d, err := measure.CPU(func() error { return run(n) })
		if err != nil || d >= stretchMin {
			return n, err
		}
	}
}

// runner is a contender that is open for a workload.
type runner struct {
	row    *row
	module *guest.Module
	inst   *guest.Instance
	frames *guestwork.Frames
	n      int // frames of a stretch

	ratios []float64 // of the rounds in this layout
	each   []time.Duration
}

func (r *runner) run(ctx context.Context, n int) error { return r.frames.Run(ctx, r.inst, n) }

// compare has all contenders do a workload, in every layout.
func (b *bench) compare(
	ctx context.Context, rt *guest.Runtime, at int, w workload, rows []row,
) error {
	ratios := make(map[string][]float64, len(rows))
	for layout := range b.layouts {
		b.progress("%s, layout %d of %d", w.name, layout+1, b.layouts)
		runners, err := b.layout(ctx, rt, w, rows, layout)
		for _, r := range runners {
			ratios[r.row.language] = append(ratios[r.row.language], measure.Median(r.ratios))
			if layout == 0 {
				r.row.costs[at].each = measure.Median(r.each)
			}
		}
		if err != nil {
			return err
		}
	}
	for i := range rows {
		if list := ratios[rows[i].language]; len(list) > 0 {
			f := &rows[i].costs[at]
			f.ratio, f.lowest, f.highest = measure.Median(list), slices.Min(list), slices.Max(list)
		}
	}
	return nil
}

// layout measures all contenders in one place of memory (L3, L4).
func (b *bench) layout(
	ctx context.Context, rt *guest.Runtime, w workload, rows []row, layout int,
) (runners []*runner, err error) {
	defer func() {
		for _, r := range runners {
			err = errors.Join(err, r.module.Close(ctx))
		}
		if err != nil {
			runners = nil
		}
	}()
	answers := ""
	for i := range rows {
		p := w.of(&rows[i].contender)
		if !p.there() || rows[i].err != nil {
			continue
		}
		r, err := b.open(ctx, rt, &rows[i], p, w.value, layout)
		if err == nil {
			err = r.prepare(ctx, &answers)
			runners = append(runners, r)
		}
		if err != nil {
			rows[i].err = fmt.Errorf("%s in %s: %w", w.name, rows[i].language, err)
		}
	}
	runners = slices.DeleteFunc(runners, func(r *runner) bool {
		if r.row.err != nil {
			r.row.err = errors.Join(r.row.err, r.module.Close(ctx))
		}
		return r.row.err != nil
	})
	for round := range b.rounds {
		if err := b.round(ctx, w, runners, round); err != nil {
			return runners, err
		}
	}
	return runners, nil
}

// round has every contender run for a stretch, in another order each time.
func (b *bench) round(ctx context.Context, w workload, runners []*runner, round int) error {
	took := make([]float64, len(runners)) // ns of a record
	base := -1
	for i := range runners {
		at := (i + round) % len(runners)
		r := runners[at]
		d, err := measure.CPU(func() error { return r.run(ctx, r.n) })
		if err != nil {
			return err
		}
		took[at] = float64(d) / float64(r.n*guestwork.FrameRecords)
		if r.row.language == w.base {
			base = at
		}
	}
	if base < 0 {
		return fmt.Errorf("there is no %s to compare with", w.base)
	}
	for i, r := range runners {
		r.ratios = append(r.ratios, took[i]/took[base])
		r.each = append(r.each, time.Duration(took[i]))
	}
	return nil
}

func (b *bench) open(
	ctx context.Context, rt *guest.Runtime, row *row, p plugin, value string, layout int,
) (*runner, error) {
	binary, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	if binary, err = guestwork.Pad(binary, layout); err != nil {
		return nil, err
	}
	m, err := rt.Load(ctx, guest.Source{Path: row.language, Bytes: binary}, limits())
	if err != nil {
		return nil, err
	}
	r := &runner{row: row, module: m}
	if r.inst, err = m.Instantiate(ctx, guest.InstanceConfig{}); err == nil {
		r.frames, err = guestwork.NewFrames(m, p.function, value)
	}
	if err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return r, nil
}

// prepare holds L5, and finds how many frames take a stretch. want is what those before answered, if
// there were any.
func (r *runner) prepare(ctx context.Context, want *string) error {
	answers, err := r.frames.Answers(ctx, r.inst)
	if err != nil {
		return err
	}
	if *want == "" {
		*want = answers
	}
	if answers != *want {
		return errors.New("it answers otherwise than the one in C")
	}
	r.n, err = calibrate(func(n int) error { return r.run(ctx, n) })
	return err
}
