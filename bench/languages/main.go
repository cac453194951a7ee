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

// errBounds says that the page tells of a bound that does not hold.
var errBounds = errors.New("a bound does not hold: see the page")

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench-languages:", err)
		os.Exit(1)
	}
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "bench-languages: "+format+"\n", args...)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("want costs or scaffolds")
	}
	switch args[0] {
	case "costs":
		return costs(ctx, args[1:])
	case "scaffolds":
		return scaffolds(ctx, args[1:])
	}
	return fmt.Errorf("want costs or scaffolds, not %q", args[0])
}

// costs measures all languages and writes what was found to the page.
func costs(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("costs", flag.ContinueOnError)
	dir := flags.String("dir", "build/bench-languages", "folder for compiled code")
	page := flags.String("page", "docs/languages.md", "page to write to; none for none")
	rounds := flags.Int("rounds", 9, "rounds of a layout")
	layouts := flags.Int("layouts", 3, "places in memory to try")
	only := flags.String("only", "", "languages to measure, separated by commas; none is all")
	if err := flags.Parse(args); err != nil {
		return err
	}
	list, err := contenders(".")
	if err != nil {
		return err
	}
	if names := strings.Split(*only, ","); *only != "" {
		list = slices.DeleteFunc(list, func(c contender) bool {
			// Without what it is compared with there is no figure.
			return c.language != scalarC && c.language != "C" && !slices.Contains(names, c.language)
		})
	}
	b := &bench{rounds: *rounds, layouts: *layouts, progress: progress}
	if b.dir, err = filepath.Abs(*dir); err != nil {
		return err
	}
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	rows, err := b.run(ctx, list)
	if err != nil {
		return err
	}
	var failed []error
	rows = slices.DeleteFunc(rows, func(r row) bool {
		failed = append(failed, r.err)
		return r.err != nil
	})
	text, ok := report(rows, *rounds, *layouts)
	fmt.Print(text)
	if *page != "" {
		if err := write(*page, costsPart, text); err != nil {
			return err
		}
	}
	if !ok {
		failed = append(failed, errBounds)
	}
	return errors.Join(failed...)
}
