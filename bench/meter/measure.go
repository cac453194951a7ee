package main

import (
	"bytes"
	"context"
	"crypto/sha256"
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
	// slowShare is the share of the work that the engine's own way is given: it takes ten times as
	// long and more.
	slowShare = 8
	memoryMax = 256 << 20
)

// figure is what one workload of one module was found to cost, as ratios to the module as it
// stands, over all layouts.
type figure struct {
	module, compiler, workload string
	probe                      bool
	plain                      time.Duration // of one unit of work
	metered, engine            float64
	lowest, highest            float64 // of the layouts' medians, metered
}

// bench measures modules.
type bench struct {
	runtimes map[guest.Metering]*guest.Runtime
	rounds   int
	layouts  int
	progress func(format string, args ...any)
}

func newBench(cache string, rounds, layouts int, progress func(string, ...any)) (*bench, error) {
	b := &bench{
		runtimes: map[guest.Metering]*guest.Runtime{}, rounds: rounds, layouts: layouts,
		progress: progress,
	}
	for _, metering := range kinds() {
		rt, err := guest.NewRuntime(guest.Config{CacheDir: cache, Metering: metering})
		if err != nil {
			return nil, err
		}
		b.runtimes[metering] = rt
	}
	return b, nil
}

func kinds() []guest.Metering {
	return []guest.Metering{guest.MeteringOff, guest.MeteringOn, guest.MeteringEngine}
}

// contender is a module compiled in one of the ways.
type contender struct {
	module *guest.Module
	inst   *guest.Instance
	runner runner
	// answers is the sum of what the guest has returned.
	answers uint64
}

// measure returns a figure for each of the module's workloads.
func (b *bench) measure(ctx context.Context, m module, binary []byte) ([]figure, error) {
	figures := make([]figure, len(m.work))
	ratios := make([][]float64, len(m.work))
	engines := make([][]float64, len(m.work))
	for layout := range b.layouts {
		padded, err := guestwork.Pad(binary, layout)
		if err != nil {
			return nil, err
		}
		for i, w := range m.work {
			b.progress("%s %s, layout %d of %d", m.name, w.name, layout+1, b.layouts)
			plain, on, engine, err := b.compare(ctx, m, w, padded)
			if err != nil {
				return nil, fmt.Errorf("measuring %s of %s: %w", w.name, m.name, err)
			}
			figures[i] = figure{module: m.name, compiler: m.compiler, workload: w.name,
				probe: w.probe, plain: plain}
			ratios[i], engines[i] = append(ratios[i], on), append(engines[i], engine)
		}
	}
	for i := range figures {
		f := &figures[i]
		f.metered, f.engine = median(ratios[i]), median(engines[i])
		f.lowest, f.highest = slices.Min(ratios[i]), slices.Max(ratios[i])
	}
	return figures, nil
}

// compare runs one workload on all contenders in turn (R2).
func (b *bench) compare(ctx context.Context, m module, w workload, binary []byte) (
	plain time.Duration, on, engine float64, err error,
) {
	contenders := make([]*contender, len(kinds()))
	defer func() {
		for _, c := range contenders {
			if c != nil {
				err = errors.Join(err, c.module.Close(ctx))
			}
		}
	}()
	for i, metering := range kinds() {
		if contenders[i], err = b.open(ctx, m, w, binary, metering); err != nil {
			return 0, 0, 0, err
		}
	}
	n, err := calibrate(ctx, contenders[0])
	if err != nil {
		return 0, 0, 0, err
	}
	if err := sameResults(ctx, contenders, n); err != nil {
		return 0, 0, 0, err
	}
	var plains []time.Duration
	var ons, engineRatios []float64
	for round := range b.rounds {
		var took [3]time.Duration
		for i := range contenders {
			at := (i + round) % len(contenders)
			share := n
			if kinds()[at] == guest.MeteringEngine {
				share = max(n/slowShare, 1)
			}
			d, err := measure.CPU(func() error { return contenders[at].run(ctx, share) })
			if err != nil {
				return 0, 0, 0, err
			}
			took[at] = d * time.Duration(n) / time.Duration(share)
		}
		plains = append(plains, took[0]/time.Duration(n))
		ons = append(ons, float64(took[1])/float64(took[0]))
		engineRatios = append(engineRatios, float64(took[2])/float64(took[0]))
	}
	return median(plains), median(ons), median(engineRatios), nil
}

func (b *bench) open(
	ctx context.Context, m module, w workload, binary []byte, metering guest.Metering,
) (*contender, error) {
	loaded, err := b.runtimes[metering].Load(ctx, guest.Source{Path: m.name, Bytes: binary},
		guest.Limits{MemoryBytes: memoryMax, TimePerBatch: time.Hour})
	if err != nil {
		return nil, err
	}
	c := &contender{module: loaded}
	config := []byte(m.config)
	if m.config == "" {
		config = nil
	}
	if c.inst, err = loaded.Instantiate(ctx, guest.InstanceConfig{Config: config}); err == nil {
		c.runner, err = w.open(loaded)
	}
	if err != nil {
		return nil, errors.Join(err, loaded.Close(ctx))
	}
	return c, nil
}

func (c *contender) run(ctx context.Context, n int) error {
	answer, err := c.runner.run(ctx, c.inst, n)
	c.answers += answer
	return err
}

// calibrate finds how much work takes a stretch.
func calibrate(ctx context.Context, c *contender) (int, error) {
	for n := 1; ; n *= 2 {
		d, err := measure.CPU(func() error { return c.run(ctx, n) })
		if err != nil || d >= stretchMin {
			return n, err
		}
	}
}

// sameResults brings all contenders to the same history and compares what they have returned and
// their memories, in which the outputs lie (R4).
func sameResults(ctx context.Context, contenders []*contender, n int) error {
	var first [sha256.Size]byte
	for i, c := range contenders {
		// The first one has run for the calibration; the others catch up.
		for m := 1; i > 0 && m <= n; m *= 2 {
			if err := c.run(ctx, m); err != nil {
				return err
			}
		}
		sum := sha256.Sum256(c.inst.Memory())
		if i == 0 {
			first = sum
		} else if !bytes.Equal(first[:], sum[:]) {
			return errors.New("contenders leave different memories behind")
		}
		if c.answers != contenders[0].answers {
			return errors.New("contenders return different answers")
		}
	}
	return nil
}

// median returns the middle value, or the mean of the two in the middle.
func median[T float64 | time.Duration](values []T) T {
	s := slices.Clone(values)
	slices.Sort(s)
	return (s[len(s)/2] + s[(len(s)-1)/2]) / 2
}

// build makes the module's file and returns what is in it.
func build(ctx context.Context, b *builder, m module) ([]byte, error) {
	out := filepath.Join(b.dir, m.name+".wasm")
	if err := m.build(ctx, b, out); err != nil {
		return nil, fmt.Errorf("building %s: %w", m.name, err)
	}
	return os.ReadFile(out)
}
