package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/term"

	"github.com/wasmflow/wasmflow/host/supervise"
)

const workerName = "run-worker"

// workerCommand is run as run --supervise starts it.
func workerCommand() command {
	return command{
		name: workerName, usage: "job.toml",
		summary: "run a job under a supervisor",
		help: `
  wasmflow run-worker job.toml

wasmflow run --supervise starts this command by itself. It is run, and ends when the process ends
that started it.
`,
		hidden: true,
		setup: func(flags *flag.FlagSet) action {
			o := &runOptions{}
			o.declare(flags)
			return func(ctx context.Context, p *process, args []string) (err error) {
				file, err := one(workerName, "a job file", args)
				if err != nil {
					return err
				}
				w, err := supervise.NewWorker(func() { os.Exit(exitInterrupted) })
				if err != nil {
					return err
				}
				defer closing(ctx, func(context.Context) error { return w.Close() }, &err)
				o.lasting = w.Lasting
				return runJob(ctx, p, file, o)
			}
		},
	}
}

// workerProgram is how this program runs workerCommand, or nil where it cannot tell what it is.
func workerProgram() []string {
	path, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{path, workerName}
}

// supervised runs the job of file in a process of its own, and in another when that is stuck or was
// killed. Its exit code is that of the last one.
func supervised(ctx context.Context, p *process, file string, o *runOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if p.worker == nil {
		return errors.New("--supervise: the path of this program cannot be found; run it without")
	}
	logger, err := o.log.logger("run", newScreen(p.stderr))
	if err != nil {
		return err
	}
	stops := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	signals, stop := passOn(p)
	defer stop()
	code, err := supervise.Run(ctx, supervise.Config{
		Command: func(again bool) []string {
			return append(append(append([]string{}, p.worker...), o.arguments(again)...), "--", file)
		},
		Stdin: inputOf(p.stdin), Stdout: p.stdout, Stderr: p.stderr,
		Signals: signals, Stops: stops, StuckAfter: o.stuckAfter, Logger: logger,
	})
	return outcomeOf(p, code, err)
}

// outcomeOf turns what supervise.Run returned into what the command returns.
func outcomeOf(p *process, code int, err error) error {
	switch {
	case errors.Is(err, supervise.ErrStopped):
		// Nothing ran that could be cut off: what was published stands, as before a job has begun.
		fmt.Fprintf(p.stderr, "wasmflow: %v; run the job again and it goes on from its last epoch\n", err)
		return nil
	case err != nil:
		return fmt.Errorf("supervising the job: %w", err)
	case code != exitDone:
		return workerError(code)
	}
	return nil
}

// passOn merges the signals that a worker is to get. stop ends that and waits.
func passOn(p *process) (signals <-chan os.Signal, stop func()) {
	var hangups <-chan os.Signal
	if p.hangups != nil {
		hangups = p.hangups()
	}
	all, end, done := make(chan os.Signal), make(chan struct{}), make(chan struct{})
	go func() { // ends by stop
		defer close(done)
		for {
			var sig os.Signal
			select {
			case sig = <-p.signals:
			case sig = <-hangups:
			case <-end:
				return
			}
			select {
			case all <- sig:
			case <-end:
				return
			}
		}
	}()
	return all, func() { close(end); <-done }
}

// inputOf is what a worker reads: nothing in place of a terminal, from which the system would stop
// it for being in the background.
func inputOf(stdin io.Reader) io.Reader {
	if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return stdin
}

// arguments are the flags of o for a worker. One that comes again goes on where the one before was,
// and not where the first was told to begin.
func (o *runOptions) arguments(again bool) []string {
	args := []string{
		"--log-format=" + o.log.format, "--log-level=" + o.log.level,
		"--status-interval=" + o.interval.String(),
	}
	on := func(name string, value bool) {
		if value {
			args = append(args, "--"+name)
		}
	}
	on("production", o.production)
	on("json", o.asJSON)
	for _, name := range o.drop {
		args = append(args, "--drop-source="+name)
	}
	if again {
		return args
	}
	// The first one has claimed the job. If somebody else holds it by now, that is a newer owner.
	on("takeover", o.start.takeover)
	on("adopt", o.start.adopt)
	on("fresh", o.start.fresh)
	if o.start.epoch != 0 {
		args = append(args, "--epoch="+strconv.FormatUint(uint64(o.start.epoch), 10))
	}
	return args
}

// workerError is the exit code of a worker, which has said why itself.
type workerError int

func (e workerError) Error() string {
	return fmt.Sprintf("the worker ended with exit code %d", int(e))
}
