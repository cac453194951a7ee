package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/host/collector"
	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
)

// What has to hold.
const (
	killBound      = 50 * time.Millisecond // behind the deadline, of 99 in 100
	memoryBound    = 64 << 20              // beyond the limit and what was there
	stallBound     = 50 * time.Millisecond
	neighbourBound = 0.9 // of what it has beside an honest guest
)

// errBounds says that the page tells of a bound that does not hold.
var errBounds = errors.New("a bound does not hold: see the page")

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-hostile:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	defer collector.Tune(os.LookupEnv)()
	if len(args) == 1 && (args[0] == childArgument || args[0] == honestArgument) {
		return child(ctx, os.Stdin, os.Stdout, args[0] == honestArgument)
	}
	flags := flag.NewFlagSet("bench-hostile", flag.ContinueOnError)
	results := flags.String("results", "bench/hostile/RESULTS.md", "file to write")
	only := flags.String("only", "", "try only modules whose name contains this")
	rounds := flags.Int("rounds", 7, "rounds of the trial with a second pipeline")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var chosen []specimens.Specimen
	for _, s := range specimens.All() {
		if strings.Contains(s.Name, *only) {
			chosen = append(chosen, s)
		}
	}
	alone, err := tryAll(ctx, chosen)
	if err != nil {
		return err
	}
	beside, err := neighbours(ctx, chosen, *rounds)
	if err != nil {
		return err
	}
	page, ok := report(alone, beside)
	fmt.Print(page)
	if err := os.WriteFile(*results, []byte(page), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if !ok {
		return errBounds
	}
	return nil
}

// progress tells where a run of minutes is.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench-hostile: "+format+"\n", args...)
}
