package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/bench/measure"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-meter:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench-meter", flag.ContinueOnError)
	dir := flags.String("dir", "build/bench-meter", "folder for modules and compiled code")
	results := flags.String("results", "bench/meter/RESULTS.md", "file to write")
	rounds := flags.Int("rounds", 7, "rounds of a layout")
	layouts := flags.Int("layouts", 4, "places in memory to try")
	only := flags.String("only", "", "modules to measure, separated by commas; none is all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	progress := func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "bench-meter: "+format+"\n", args...)
	}
	b := &builder{}
	var err error
	if b.repository, err = filepath.Abs("."); err != nil {
		return err
	}
	if b.dir, err = filepath.Abs(*dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	bench, err := newBench(filepath.Join(b.dir, "cache"), *rounds, *layouts, progress)
	if err != nil {
		return err
	}
	var figures []figure
	for _, m := range modules() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), m.name) {
			continue
		}
		progress("building %s", m.name)
		binary, err := build(ctx, b, m)
		if err != nil {
			return err
		}
		got, err := bench.measure(ctx, m, binary)
		if err != nil {
			return err
		}
		figures = append(figures, got...)
	}
	page := report(figures, *rounds, *layouts)
	fmt.Print(page)
	return os.WriteFile(*results, []byte(page), 0o644)
}

// report writes the page.
func report(figures []figure, rounds, layouts int) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	byModule := map[string][]float64{}
	var all, engine []float64
	var names []string
	for _, f := range figures {
		if byModule[f.module] == nil {
			names = append(names, f.module)
		}
		byModule[f.module] = append(byModule[f.module], f.metered)
		all, engine = append(all, f.metered), append(engine, f.engine)
	}
	var medians []float64
	for _, name := range names {
		medians = append(medians, median(byModule[name]))
	}
	line("# What metering costs")
	line("")
	line("Written by `make bench-meter`. %s. CPU time against the same module without checks:",
		measure.Machine())
	line("medians of %d interleaved rounds, then over %d layouts of the machine code. All",
		rounds, layouts)
	line("contenders left the same memory behind.")
	line("")
	if len(all) > 0 {
		line("Over %d modules: median **%+.1f %%**, worst %+.1f %%; worst of %d workloads %+.1f %%. The",
			len(names), percent(median(medians)), percent(slices.Max(medians)), len(all),
			percent(slices.Max(all)))
		line("engine's own way (`WithCloseOnContextDone`): median %.1f times, worst %.1f times.",
			median(engine), slices.Max(engine))
		line("")
	}
	line("| module | compiler | workload | plain | metered | layouts from, to | engine's way |")
	line("|---|---|---|---|---|---|---|")
	for _, f := range figures {
		line("| %s | %s | %s | %v | %+.1f %% | %+.1f, %+.1f %% | x %.1f |", f.module, f.compiler,
			f.workload, f.plain, percent(f.metered), percent(f.lowest), percent(f.highest), f.engine)
	}
	return b.String()
}

func percent(ratio float64) float64 { return 100 * (ratio - 1) }
