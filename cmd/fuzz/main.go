package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// errFindings says that inputs were found that fail their target.
var errFindings = errors.New("there are findings: see the failing inputs in testdata/fuzz")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	minutes := flags.Float64("minutes", 30, "processor minutes of each subject")
	only := flags.String("only", "", "fuzz only targets whose name contains this")
	dir := flags.String("dir", filepath.Join("build", "fuzz"), "folder for programs and inputs")
	keep := flags.Bool("keep", false, "put what was found beside the tests, up to a bound")
	parallel := flags.Int("parallel", 1, "processes of a target")
	if err := flags.Parse(args); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*dir)
	if err != nil {
		return fmt.Errorf("finding the folder %s: %w", *dir, err)
	}
	f := fuzzer{dir: absolute, keep: *keep, parallel: *parallel, out: out}
	for _, s := range subjects() {
		var chosen []target
		for _, t := range s.targets {
			if strings.Contains(t.name, *only) {
				chosen = append(chosen, t)
			}
		}
		share := time.Duration(*minutes * float64(time.Minute) / float64(max(len(chosen), 1)))
		for _, t := range chosen {
			if ctx.Err() != nil {
				break
			}
			if err := f.fuzz(ctx, s.name, t, share); err != nil {
				report(out, f.figures)
				return err
			}
		}
	}
	report(out, f.figures)
	for _, g := range f.figures {
		if g.findings > 0 {
			return errFindings
		}
	}
	return ctx.Err()
}

// figure is what came of one target in this run (F2).
type figure struct {
	subject, target string
	cpu             time.Duration
	executions      int64
	found           int // inputs that reach something new
	kept            int // of them, beside the tests
	findings        int // inputs that fail
}

func report(out io.Writer, figures []figure) {
	const row = "%-28s %-22s %8s %14v %7v %6v %9v\n"
	fmt.Fprintf(out, row, "subject", "target", "cpu min", "executions", "new", "kept", "findings")
	total := map[string]time.Duration{}
	var order []string
	for _, g := range figures {
		fmt.Fprintf(out, row, g.subject, g.target, minutesOf(g.cpu), g.executions, g.found, g.kept,
			g.findings)
		if _, ok := total[g.subject]; !ok {
			order = append(order, g.subject)
		}
		total[g.subject] += g.cpu
	}
	for _, name := range order {
		fmt.Fprintf(out, "%s: %s CPU minutes\n", name, minutesOf(total[name]))
	}
}

func minutesOf(d time.Duration) string { return fmt.Sprintf("%.1f", d.Minutes()) }
