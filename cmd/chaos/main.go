package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// options are the flags of the command.
type options struct {
	binary, guests string // absolute paths
	short          bool
	// What to do instead of the trials with files.
	swaps, kafka, hdfs, s3 bool
	seed                   uint64
	only                   string // the one trial; "" is all
	tmp                    string // "" is the system's
	keep                   bool
}

// parse reads the command line.
func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&o.binary, "binary", "build/wasmflow-failpoints",
		"wasmflow, built with -tags failpoints")
	flags.StringVar(&o.guests, "guests", "build/guests", "folder of the built guests")
	flags.BoolVar(&o.short, "short", false, "fewer lines and kills")
	flags.BoolVar(&o.swaps, "swaps", false, "two jobs whose plugins are swapped all the time")
	flags.BoolVar(&o.kafka, "kafka", false, "a job on three Kafka brokers, which suffer, too")
	flags.BoolVar(&o.hdfs, "hdfs", false, "a job on HDFS with three DataNodes, which suffer, too")
	flags.BoolVar(&o.s3, "s3", false, "a job on a real S3 server, which is killed, too")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "seed of every choice")
	flags.StringVar(&o.only, "trial", "", "this one only: buckets, live, poison, topics or swaps; "+
		"with -swaps files or kafka, with -s3 uploads or staged")
	flags.StringVar(&o.tmp, "tmp", "", "folder for the files of the run; by default the system's")
	flags.BoolVar(&o.keep, "keep", false, "keep the folder of a run that passed")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, path := range []*string{&o.binary, &o.guests} {
		if *path, err = filepath.Abs(*path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// run does what the command line asks for, in a folder of its own that outlives a failure.
func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(o.tmp, "wasmflow-chaos-")
	if err != nil {
		return err
	}
	switch {
	case o.swaps:
		err = runSwaps(ctx, dir, o, out)
	case o.kafka:
		err = runKafka(ctx, dir, o, out)
	case o.hdfs:
		err = runHDFS(ctx, dir, o, out)
	case o.s3:
		err = runS3(ctx, dir, o, out)
	default:
		err = runTrials(ctx, dir, o, out)
	}
	if err != nil {
		fmt.Fprintln(out, "chaos: the folder of the failed run is", dir)
		return err
	}
	if o.keep {
		return nil
	}
	return os.RemoveAll(dir)
}
