package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/supervise"
)

// statusIntervalDefault is how often the live line changes: fast enough to feel alive, slow
// enough to be read.
const statusIntervalDefault = 500 * time.Millisecond

// runOptions are the flags of run.
type runOptions struct {
	start      startOptions
	drop       names
	production bool
	asJSON     bool
	log        logFlags
	interval   time.Duration

	supervise  bool
	stuckAfter time.Duration
	lasting    func() error // told before anything lasts; nil for nobody
}

// names is a flag that may be given several times.
type names []string

// String implements flag.Value.
func (n *names) String() string { return strings.Join(*n, ",") }

// Set implements flag.Value.
func (n *names) Set(name string) error {
	if name == "" {
		return errors.New("empty name")
	}
	*n = append(*n, name)
	return nil
}

func runCommand() command {
	return command{
		name: "run", usage: "job.toml",
		summary: "run a job until its input ends or a signal comes",
		help: `
  wasmflow run job.toml

A bounded job ends by itself. Another one is ended with ctrl-C or SIGTERM: one
more epoch is published, then the process exits with 0. A second signal ends it
at once with 130; the same one within 0.2 s, as timeout(1) sends it, is none.
Either way, and after a kill -9, the next run goes on where the last published
epoch ended: nothing is lost and nothing is doubled.

The summary at the end goes to standard output, or to standard error when a
print sink of the job has standard output for itself.

  wasmflow run --json job.toml > summary.json   for a script
  wasmflow run --log-format json job.toml       for a log collector
  wasmflow run --adopt job.toml                 a job in Kafka, on a new machine
  wasmflow run --takeover job.toml              go on although the old process hangs
  wasmflow run --epoch 41 job.toml              go back; later output comes again
  wasmflow run --drop-source orders job.toml    the source has left the job file
  wasmflow run --supervise job.toml             for weeks without anybody looking

With --supervise the job runs in a process of its own, which another one watches:
it kills a process whose plugins hold up its scheduler (--stuck-after) and starts
another, also in place of one that was killed by the machine. The new one goes on
where the last published epoch ended. Signals, output and exit codes are passed
on, and both processes end with either of them.

Exit codes: 0 done or stopped, 1 the job failed, 2 the job file or a plugin is
refused, 3 an outside system refused at the start, 4 a newer run took over,
130 a second signal, 128+N a supervised process that signal N ended.
A signal before the job has begun ends it at once with 0, and so does one between
the end of a worker that was killed and the start of the next one.
`,
		setup: setupRun,
	}
}

func setupRun(flags *flag.FlagSet) action {
	o := &runOptions{}
	o.declare(flags)
	flags.BoolVar(&o.supervise, "supervise", false, "run the job in a process of its own, and in "+
		"another when that is stuck or was killed")
	flags.DurationVar(&o.stuckAfter, "stuck-after", supervise.StuckAfterDefault, "with "+
		"--supervise: kill a process that has shown no sign of life for `TIME`")
	return func(ctx context.Context, p *process, args []string) error {
		file, err := one("run", "a job file", args)
		if err != nil {
			return err
		}
		if o.supervise {
			return supervised(ctx, p, file, o)
		}
		return runJob(ctx, p, file, o)
	}
}

// declare declares the flags that say how a job is run, in whichever process.
func (o *runOptions) declare(flags *flag.FlagSet) {
	flags.BoolVar(&o.start.fresh, "fresh", false, "begin anew: forget the positions of earlier runs")
	flags.Func("epoch", "begin from decided epoch `N` instead of the last one", o.setEpoch)
	flags.Var(&o.drop, "drop-source", "forget the positions of source `NAME`, which has left the "+
		"job file; may be repeated")
	flags.BoolVar(&o.start.takeover, "takeover", false, "go on although another process holds the "+
		"job; that one is fenced")
	flags.BoolVar(&o.start.adopt, "adopt", false, "run the job of a commit log in Kafka that the "+
		"checkpoint store does not know")
	flags.BoolVar(&o.production, "production", false, "demand the digest of every plugin")
	flags.BoolVar(&o.asJSON, "json", false, "print the summary as JSON")
	flags.StringVar(&o.log.format, "log-format", "text", "`FORM` of the log: text or json")
	flags.StringVar(&o.log.level, "log-level", "info", "least `LEVEL` that is logged: debug, info, "+
		"warn, error")
	flags.DurationVar(&o.interval, "status-interval", statusIntervalDefault, "`TIME` between two "+
		"changes of the live line; 0s shows none")
}

// setEpoch takes the value of --epoch.
func (o *runOptions) setEpoch(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil:
		return errors.New("want the number of an epoch")
	case n == 0:
		return errors.New("epochs begin at 1; to begin anew use --fresh")
	}
	o.start.epoch = checkpoint.Epoch(n)
	return nil
}

// check refuses flags that cannot be obeyed.
func (o *runOptions) check() error {
	switch {
	case o.start.fresh && o.start.epoch != 0:
		return usagef("run", "--fresh and --epoch exclude each other; choose where to begin")
	case o.interval < 0:
		return usagef("run", "--status-interval %v is negative", o.interval)
	case o.supervise && o.stuckAfter < supervise.StuckAfterMin:
		return usagef("run", "--stuck-after %v: want at least %v", o.stuckAfter, supervise.StuckAfterMin)
	}
	return nil
}

// runJob runs the job of file to its end.
func runJob(ctx context.Context, p *process, file string, o *runOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	out := newScreen(p.stderr)
	logger, err := o.log.logger("run", out)
	if err != nil {
		return err
	}
	logging := *p
	logging.logger = logger
	p = &logging
	job, err := loadJob(p, file, o.production)
	if err != nil {
		return err
	}
	for _, w := range job.Warnings {
		logger.Warn("reading the job file", "line", w.Line, "key", w.Key, "problem", w.Text)
	}
	closeBroker, err := embedBroker(ctx, p, job)
	if err != nil {
		return err
	}
	defer closeBroker()
	s, err := openStore(ctx, p, job)
	if err != nil {
		return err
	}
	b, err := untilSignal(p, func() (*beginning, error) {
		return begin(ctx, p, s, job, o, logger)
	})
	if errors.Is(err, errCut) {
		fmt.Fprintf(out, "wasmflow: %v; the job had not begun\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer closing(ctx, b.close, &err)
	r := &runner{
		p: p, job: job, options: o, engine: b.engine, logger: logger, screen: out,
		started: time.Now(), before: b.before,
	}
	return r.serve(ctx, b.card)
}

// runner is a job while it runs.
type runner struct {
	p       *process
	job     *config.Job
	options *runOptions
	engine  *host.Engine
	logger  *slog.Logger
	screen  *screen
	started time.Time
	before  checkpoint.Manifest // what the run builds on; zero is nothing
}

// ended is what Engine.Run returned.
type ended struct {
	result host.Result
	err    error
}

// serve runs the engine beside the admin server, signals and the live line, then prints what
// came out of it.
func (r *runner) serve(ctx context.Context, card *announcedLog) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server, err := r.listen(ctx, cancel, card)
	if err != nil {
		return err
	}
	defer closing(context.WithoutCancel(ctx), server.close, &err)
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	var hangups <-chan os.Signal
	if _, terminal := columns(r.p.stderr); !terminal && r.p.hangups != nil {
		hangups = r.p.hangups() // a terminal that goes away is to end its job, as it always did
	}
	go func() { // ends by stopWatching
		defer close(watched)
		watchPlugins(r.engine, r.job, hangups).run(watching)
	}()
	defer func() {
		stopWatching()
		if errors.Is(err, errInterrupted) {
			return // nothing is to be waited for any more
		}
		select {
		case <-watched:
		case <-r.p.signals: // somebody has no patience, and nothing of the job is left to lose
		}
	}()
	done := make(chan ended, 1)
	go func() { // ends with the job; after a second signal the process ends before it
		result, err := r.engine.Run(ctx)
		done <- ended{result, err}
	}()
	end, err := r.wait(done)
	if err != nil {
		return err
	}
	card.withdraw(context.WithoutCancel(ctx), r.logger)
	if cause := context.Cause(ctx); cause != nil {
		end.err = errors.Join(cause, end.err)
	}
	return r.conclude(end)
}

// wait returns how the job ended, or errInterrupted at the second signal.
func (r *runner) wait(done <-chan ended) (ended, error) {
	live := newLive(r)
	defer live.close()
	var asked time.Time // when the first signal came
	var first os.Signal
	var reminder <-chan time.Time
	for {
		select {
		case end := <-done:
			return end, nil
		case <-reminder:
			r.remind()
		case <-live.ticks():
			live.show()
		case sig := <-r.p.signals:
			if sig == first && time.Since(asked) < r.p.signalEcho {
				continue
			}
			if first != nil {
				return ended{}, errInterrupted
			}
			first, asked = sig, time.Now()
			fmt.Fprintf(r.screen, "wasmflow: %v: publishing a last epoch; a second signal ends the "+
				"job at once\n", sig)
			r.engine.Stop()
			ticker := time.NewTicker(r.p.remindEvery)
			defer ticker.Stop()
			reminder = ticker.C
		}
	}
}

// remind says what the last epoch waits for. A task between two stages is not worth a word: it will
// be in one of them the next time.
func (r *runner) remind() {
	var waits []string
	for _, w := range r.engine.Waits() {
		if w.Stage != "" {
			waits = append(waits, fmt.Sprintf("%s in task %d", stageKey(r.job, w.Stage), w.Task))
		}
	}
	if len(waits) > 0 {
		fmt.Fprintf(r.screen, "wasmflow: still waiting for %s; a second signal ends the job at once\n",
			strings.Join(waits, ", "))
	}
}

// conclude prints the summary and returns the error that the exit code follows from.
func (r *runner) conclude(end ended) error {
	status := r.engine.Status()
	err := end.err
	switch end.result.Outcome {
	case checkpoint.Finished, checkpoint.Stopped:
		if err != nil {
			// Everything is published; what went wrong came after it.
			r.logger.Warn("ending the job", "error", err)
			err = nil
		}
	default:
		err = blame(r.job, err)
	}
	var refused *host.StartError
	if errors.As(err, &refused) && !r.options.asJSON {
		return err // nothing ran: there is nothing to sum up
	}
	s := summarize(r.job, end.result, r.before.Counts, err)
	s.NothingNew = err == nil && s.Totals.Read == s.Earlier && allRead(r.job, r.before)
	s.Restarts, s.Seconds = status.Restarts, time.Since(r.started).Seconds()
	out := r.p.stdout
	if printsRecords(r.job) {
		out = r.p.stderr // a pipe behind the job is for its records
	}
	if r.options.asJSON {
		return errors.Join(printJSON(out, s), err)
	}
	return errors.Join(s.print(out), err)
}
