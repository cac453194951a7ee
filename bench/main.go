package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/wasmflow/wasmflow/bench/measure"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, log io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	binary := flags.String("binary", "build/wasmflow", "the wasmflow to measure")
	cGuest := flags.String("c-guest", "guests/uppercase-c/uppercase_c.wasm", "upper-case guest in C")
	goGuest := flags.String("go-guest", "build/guests/uppercase.wasm", "upper-case guest in Go")
	results := flags.String("results", "bench/RESULTS.md", "file to write")
	input := flags.String("native", "", "run the native job over this file instead, and exit")
	output := flags.String("output", "", "where the native job writes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *input != "" {
		return native(*input, *output, fileTasks)
	}
	paths := []*string{binary, cGuest, goGuest}
	for _, p := range paths {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wasmflow-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	progress := func(text string) { fmt.Fprintln(log, "bench:", text) }
	records, err := recordBench(ctx, *cGuest, *goGuest, progress)
	if err != nil {
		return err
	}
	files, err := fileBench(dir, *binary, self, *cGuest, *goGuest, progress)
	if err != nil {
		return err
	}
	page := report(measure.Machine(), records, files)
	fmt.Fprint(log, page)
	return os.WriteFile(*results, []byte(page), 0o644)
}
