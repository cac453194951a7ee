package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What has to hold of programs, as ratios to the same without checks.
const (
	medianBound = 1.10 // over modules
	worstBound  = 1.20 // of a module, and of a workload
)

// errBounds says that the page tells of a bound that does not hold.
var errBounds = errors.New("a bound does not hold: see the page")

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
	layouts := flags.Int("layouts", 5, "places in memory to try")
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
	page, ok := report(figures, *rounds, *layouts)
	fmt.Print(page)
	if err := os.WriteFile(*results, []byte(page), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if !ok {
		return errBounds
	}
	return nil
}
