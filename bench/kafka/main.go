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
	"time"
)

// The bare loops, for -loop.
const (
	loopPlain = "plain"
	loopTuned = "tuned"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stderr)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-kafka:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	binary, brokers, results, profile string
	guests                            guestFiles
	records, rounds, latencySeconds   int
}

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("bench-kafka", flag.ContinueOnError)
	var o options
	flags.StringVar(&o.binary, "binary", "build/wasmflow", "the wasmflow to measure")
	flags.StringVar(&o.guests.c, "c-guest", "guests/uppercase-c/uppercase_c.wasm", "guest in C")
	flags.StringVar(&o.guests.scalar, "c-guest-scalar", "guests/uppercase-c/uppercase_c_scalar.wasm",
		"the same without vectors")
	flags.StringVar(&o.guests.golang, "go-guest", "build/guests/uppercase.wasm", "guest in Go")
	flags.StringVar(&o.brokers, "brokers", "", "a broker that runs already; empty starts one")
	flags.StringVar(&o.results, "results", "bench/KAFKA.md", "file to write")
	flags.StringVar(&o.profile, "profile", "bench/kafka-c-guest.pprof", "CPU profile to write")
	flags.IntVar(&o.records, "records", 10_000_000, "records a round")
	flags.IntVar(&o.rounds, "rounds", 7, "rounds that count; one more is thrown away")
	flags.IntVar(&o.latencySeconds, "latency-seconds", 20, "length of each latency run")
	loop := flags.String("loop", "", "run a bare loop instead: plain or tuned")
	id := flags.String("id", "", "transactional id and group of the loop")
	every := flags.Duration("every", time.Second, "time between two commits of the loop")
	latest := flags.Bool("latest", false, "the loop begins at the end and runs until killed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := loopConfig{brokers: o.brokers, in: inTopic, out: outTopic, commits: commitsTopic,
		id: *id, every: *every, latest: *latest}
	switch *loop {
	case loopPlain:
		return plainLoop(ctx, c)
	case loopTuned:
		return tunedLoop(ctx, c)
	case "":
		return o.bench(ctx, log)
	}
	return fmt.Errorf("-loop is plain or tuned, not %q", *loop)
}

// bench runs everything and writes the page.
func (o options) bench(ctx context.Context, log io.Writer) (err error) {
	for _, p := range []*string{
		&o.binary, &o.guests.c, &o.guests.scalar, &o.guests.golang, &o.results, &o.profile,
	} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wasmflow-bench-kafka-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	broker := "a broker that ran already"
	if o.brokers == "" {
		stop, startErr := o.startBroker(ctx, &broker)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	c, err := connect(o.brokers)
	if err != nil {
		return err
	}
	defer c.close()
	b := &bench{options: o, cluster: c, dir: dir, contenders: contenders(self, o.binary, o.guests),
		progress: func(text string) { fmt.Fprintln(log, "bench-kafka:", text) }}
	page, err := b.all(ctx, broker)
	if err != nil {
		return err
	}
	fmt.Fprint(log, page)
	return os.WriteFile(o.results, []byte(page), 0o644)
}
