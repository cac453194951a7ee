package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/bench/measure"
	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/discard"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
	"github.com/wasmflow/wasmflow/connectors/generator"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
)

// The record benchmark: what crossing into a guest costs.
const (
	recordBytes  = 100
	recordCount  = 4_000_000
	recordRounds = 9
	// allocRounds is how often a short and a long job are compared by their allocations, which
	// vary less than times do.
	allocRounds = 5
	// loopFrameRecords is about as many as a frame of 256 KiB holds.
	loopFrameRecords = 1_900
)

// recordResult is what the record benchmark found, in nanoseconds of CPU and allocations a record.
type recordResult struct {
	CPerRecord, GoPerRecord float64 // whole job less the job without a guest
	Loop                    float64 // the C module's own loop alone
	Overhead                float64 // CPerRecord less Loop
	Allocs                  int64   // what recordCount further records allocate with the C guest
	JobAllocs               int64   // what a job with the C guest allocates as such
	Plain                   float64 // the job without a guest
}

// recordBench runs generator -> discard with and without a guest, and the guest's own loop.
func recordBench(ctx context.Context, cGuest, goGuest string, progress func(string),
) (recordResult, error) {
	rt, err := guest.NewRuntime(guest.Config{})
	if err != nil {
		return recordResult{}, err
	}
	loop, err := newLoop(ctx, rt, cGuest)
	if err != nil {
		return recordResult{}, err
	}
	job := func(module string) func() (usage, error) {
		return func() (usage, error) { return runJob(ctx, rt, module, recordCount, epochEvery) }
	}
	contenders := []contender{
		{"generator -> discard", job("")},
		{"generator -> C guest -> discard", job(cGuest)},
		{"generator -> Go guest -> discard", job(goGuest)},
		{"the C guest's loop alone", func() (usage, error) { return loop.run(ctx) }},
	}
	got, err := interleave(recordRounds, contenders, progress)
	if err != nil {
		return recordResult{}, err
	}
	res := recordsOf(contenders, got)
	progress("allocations")
	res.JobAllocs, res.Allocs, err = allocations(ctx, rt, cGuest, allocRounds, recordCount)
	return res, err
}

// shortCount is long enough for every buffer of a job to have grown.
const shortCount = 250_000

// allocations compares jobs of shortCount and of shortCount + further records, neither with an
// epoch before its last. It returns the medians of what a short job allocates and of what the
// further records do: start, end and growth are in both jobs and fall out of the difference.
func allocations(ctx context.Context, rt *guest.Runtime, module string, rounds, further int,
) (job, more int64, err error) {
	var short, difference []int64
	for range rounds {
		a, err := runJob(ctx, rt, module, shortCount, noEpochs)
		if err != nil {
			return 0, 0, err
		}
		b, err := runJob(ctx, rt, module, shortCount+further, noEpochs)
		if err != nil {
			return 0, 0, err
		}
		short = append(short, int64(a.mallocs))
		difference = append(difference, int64(b.mallocs)-int64(a.mallocs))
	}
	return measure.Median(short), measure.Median(difference), nil
}

// recordsOf subtracts round by round, so that a slow phase of the machine meets both sides.
func recordsOf(contenders []contender, got map[string][]usage) recordResult {
	plain, c, goGuest, loop := got[contenders[0].name], got[contenders[1].name],
		got[contenders[2].name], got[contenders[3].name]
	perRecord := func(f func(round int) time.Duration) float64 {
		var values []float64
		for i := range plain {
			values = append(values, float64(f(i).Nanoseconds())/recordCount)
		}
		return measure.Median(values)
	}
	return recordResult{
		Plain:       perRecord(func(i int) time.Duration { return plain[i].cpu }),
		CPerRecord:  perRecord(func(i int) time.Duration { return c[i].cpu - plain[i].cpu }),
		GoPerRecord: perRecord(func(i int) time.Duration { return goGuest[i].cpu - plain[i].cpu }),
		Loop:        perRecord(func(i int) time.Duration { return loop[i].cpu }),
		Overhead: perRecord(func(i int) time.Duration {
			return c[i].cpu - plain[i].cpu - loop[i].cpu
		}),
	}
}

// Checkpoint intervals of jobs.
const (
	epochEvery = "1s"
	noEpochs   = "1h" // longer than any job here: only the final epoch
)

// runJob runs one job of count records in this process. Loading the plugin is not measured.
func runJob(ctx context.Context, rt *guest.Runtime, module string, count int, interval string,
) (u usage, err error) {
	dir, err := os.MkdirTemp("", "wasmflow-bench-")
	if err != nil {
		return usage{}, err
	}
	defer os.RemoveAll(dir)
	plugin, from := "", "records"
	if module != "" {
		plugin = fmt.Sprintf("[plugins.up]\npath = %q\n[transforms.upper]\nfrom = [\"records\"]\n"+
			"plugin = \"up\"\nfunction = \"uppercase\"\n", module)
		from = "upper"
	}
	job, err := config.Parse("bench.toml", fmt.Appendf(nil, `
name = "bench"
job = { parallelism = 1 }
checkpoint = { interval = %q }
%s
[sources.records]
connector = "generator"
count = %d
template = %q
[sinks.out]
connector = "discard"
from = [%q]
`, interval, plugin, count, bytes.Repeat([]byte{'a'}, recordBytes), from), config.Registry{
		Connectors: []connectors.Spec{generator.Spec(), discard.Spec()}, Schemes: []string{"file"},
	}, config.Options{})
	if err != nil {
		return usage{}, err
	}
	log, err := storelog.New(storelog.Options{
		FileSystem: local.New(local.Options{}), Root: dir, Job: job.Name,
	})
	if err != nil {
		return usage{}, err
	}
	engine, err := host.New(ctx, host.Config{
		Job: job, Log: log, Guests: rt, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		return usage{}, err
	}
	var res host.Result
	u, err = inProcess(func() error {
		res, err = engine.Run(ctx)
		return err
	})
	if err == nil && (res.Outcome != checkpoint.Finished || res.Counts["out"].Out != uint64(count)) {
		err = fmt.Errorf("%d of %d records arrived, outcome %s", res.Counts["out"].Out, count,
			res.Outcome)
	}
	if err == nil {
		err = log.Close()
	}
	if err == nil {
		err = engine.Close(ctx)
	}
	return u, err
}

// loop is the C guest's own loop over the records of one frame.
type loop struct{ instance *guest.Instance }

func newLoop(ctx context.Context, rt *guest.Runtime, path string) (*loop, error) {
	m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
	if err != nil {
		return nil, err
	}
	in, err := m.Instantiate(ctx, guest.InstanceConfig{})
	if err != nil {
		return nil, err
	}
	layout := abi.Layout{Records: loopFrameRecords, Arena: loopFrameRecords * recordBytes}
	size, err := layout.Size()
	if err != nil {
		return nil, err
	}
	region, err := in.Reserve(ctx, size)
	if err != nil {
		return nil, err
	}
	var enc abi.Encoder
	if err := enc.Begin(region, layout, abi.FrameInfo{}); err != nil {
		return nil, err
	}
	value := bytes.Repeat([]byte{'a'}, recordBytes)
	for range loopFrameRecords {
		if !enc.Append(nil, value, connectors.NoTimestamp) {
			return nil, fmt.Errorf("filling a frame of %d records: no room", loopFrameRecords)
		}
	}
	enc.Finish()
	return &loop{in}, nil
}

// run lets the guest work on as many records as a job has.
func (l *loop) run(ctx context.Context) (usage, error) {
	return inProcess(func() error {
		_, err := l.instance.Export(ctx, "bench_loop", recordCount/loopFrameRecords)
		return err
	})
}
