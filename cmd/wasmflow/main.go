package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/wasmflow/wasmflow/host/collector"
	"github.com/wasmflow/wasmflow/host/config"
)

// version is set by the linker: go build -ldflags "-X main.version=v1.2.3".
var version = "unknown"

// remindEvery is how often somebody who waits for a job to stop is told what it waits for: longer
// than most last epochs take, and shorter than it takes to lose patience.
const remindEvery = 5 * time.Second

// signalEcho is how long after the first signal the same one counts as an echo of it. timeout(1)
// signals its child and then the group that the child is in, and whoever passes ctrl-C on to a
// process on its own terminal does likewise, both at once. No person insists so fast.
const signalEcho = 200 * time.Millisecond

// signalsMax is how many signals matter: the first one asks, the second one insists.
const signalsMax = 2

func main() {
	signals := make(chan os.Signal, signalsMax)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// A reader of standard output that goes away is an error of a write, which a job words and
	// ends with; by default it would be a death without a word.
	signal.Ignore(syscall.SIGPIPE)
	collector.Tune(os.LookupEnv)
	// Leave at once: whatever still runs after a second signal is not to be waited for.
	os.Exit(run(os.Args[1:], &process{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
		lookupEnv: os.LookupEnv, signals: signals, compiler: compilerCommand(),
		worker:      workerProgram(),
		remindEvery: remindEvery, signalEcho: signalEcho, hangups: listenHangups,
	}))
}

// listenHangups has SIGHUP no longer end the process.
func listenHangups() <-chan os.Signal {
	hangups := make(chan os.Signal, 1) // one look at all files serves any number of them
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups
}

// run is the command: it does what args say and returns the exit code.
func run(args []string, p *process) int {
	err := dispatch(context.Background(), args, p)
	report(p.stderr, err)
	return exitCode(err)
}

// dispatch finds the sub-command of args and runs it.
func dispatch(ctx context.Context, args []string, p *process) error {
	if len(args) == 0 {
		printOverview(p.stderr)
		return usagef("", "name a command")
	}
	name, args := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	c, err := find(name)
	if err != nil {
		return err
	}
	flags := newFlags(c)
	act := c.setup(flags)
	rest, err := parseMixed(flags, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printHelp(p.stdout, c)
		return nil
	case err != nil:
		return usagef(c.name, "%s", explainFlag(flags, err))
	}
	if !c.ownSignals {
		act = interruptible(act)
	}
	return act(ctx, p, rest)
}

// newFlags returns the empty flag set of a command. It prints nothing by itself.
func newFlags(c *command) *flag.FlagSet {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// parseMixed parses flags before, between and after the other arguments, which it returns. What
// follows a lone "--" is no flag.
func parseMixed(flags *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		left := flags.Args()
		if n := len(args) - len(left); len(left) == 0 || n > 0 && args[n-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// explainFlag words what package flag says of a wrong flag; of an unknown one it suggests another.
func explainFlag(flags *flag.FlagSet, err error) string {
	unknown, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return err.Error()
	}
	var known []string
	flags.VisitAll(func(f *flag.Flag) { known = append(known, f.Name) })
	text := "unknown flag --" + strings.TrimPrefix(unknown, "-")
	if near := config.Suggest(unknown, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return text
}

// one returns the only argument, which is what.
func one(c, what string, args []string) (string, error) {
	switch len(args) {
	case 0:
		return "", usagef(c, "name %s", what)
	case 1:
		return args[0], nil
	}
	return "", usagef(c, "name only %s, not %q", what, args)
}

// none refuses arguments.
func none(c string, args []string) error {
	if len(args) > 0 {
		return usagef(c, "takes no arguments, not %q", args)
	}
	return nil
}

// usagef is the error of a command line that is wrong. command may be empty.
func usagef(command, format string, args ...any) error {
	return &usageError{command: command, text: fmt.Sprintf(format, args...)}
}
