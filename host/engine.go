package host

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/modules"
	"github.com/wasmflow/wasmflow/host/task"
)

// JobLog is the commit log of one job with what the engine needs beside deciding. It serves all
// attempts of a run: each begins with a claim of its own.
type JobLog interface {
	checkpoint.CommitLog
	// StoreModule keeps the bytes of a module and returns their digest. It comes after a claim
	// and before the first epoch that names the module.
	StoreModule(ctx context.Context, module []byte) (sha256 string, err error)
	// CheckOwner returns ErrFenced when a newer owner stands in the log.
	CheckOwner(ctx context.Context) error
}

// Config is what an engine is made of.
type Config struct {
	Job         *config.Job
	Log         JobLog
	Decider     config.Decider // of Log; its members get the log's transactions
	DropSources []string       // sources of the manifest that the job file may lack
	FileSystems filesystem.Resolver
	Guests      *guest.Runtime
	Modules     *modules.Loader // nil keeps nothing of what it fetches
	Builtins    Builtins
	Logger      *slog.Logger
	Now         func() time.Time // with a monotonic reading
	// Kept are the plugins of the last decided epoch of the job, which goes on with them whatever
	// the files of the job file hold by now; none for a new job. ReadModule returns the bytes of
	// one by its digest; it may be nil when there are none.
	Kept       []checkpoint.Module
	ReadModule func(ctx context.Context, sha256 string) ([]byte, error)
}

// Engine runs one job. Make it with New, run it once with Run.
type Engine struct {
	cfg         Config
	plan        *plan
	plugins     *plugins
	swaps       *switchboard
	control     *control
	metrics     *metrics
	stop        chan struct{} // closed by Stop
	stopOnce    sync.Once
	checkpoints checkpoints
	// adopted says that the first claim has told which versions run; endSwaps ends the swapper, which
	// works from then on. Both are Run's goroutines' only.
	adopted  bool
	endSwaps func()

	mu struct { // guards what Status reads; held for copying only
		sync.Mutex
		status Status
		ran    bool                        // an attempt started its tasks
		counts map[string]checkpoint.Count // of the decided epochs of earlier attempts and processes
		live   []map[string]*task.Counters // of the running attempt's tasks
		// missing are the tasks that the epoch under way waits for.
		missing []int
	}
}

// New plans the job, loads its plugins and reads its schemas. Nothing outside is touched beyond
// reading those files.
// An error about the job file or a plugin is a *config.Error.
func New(ctx context.Context, cfg Config) (*Engine, error) {
	if cfg.Modules == nil {
		cfg.Modules = modules.New(modules.Config{FileSystems: cfg.FileSystems, Logger: cfg.Logger})
	}
	e := &Engine{
		cfg: cfg, plan: newPlan(cfg.Job, cfg.Job.Settings.Tasks(runtime.NumCPU())),
		stop: make(chan struct{}), control: newControl(), endSwaps: func() {},
	}
	e.swaps = newSwitchboard(cfg.Now)
	plugins, err := loadPlugins(ctx, cfg, e.plan)
	if err != nil {
		return nil, err
	}
	e.plugins = plugins
	e.metrics = newMetrics(e)
	err = e.plan.checkOutputs(cfg.Job, plugins.Outputs)
	if err == nil {
		err = e.checkFormats(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, plugins.Close(ctx))
	}
	e.mu.status = Status{Job: cfg.Job.Name, State: checkpoint.StateNew.String(), Tasks: e.plan.tasks}
	return e, nil
}

// Stop asks Run to end after one more epoch. It may be called at any time and more than once.
func (e *Engine) Stop() { e.stopOnce.Do(func() { close(e.stop) }) }

// Gatherer returns the metrics of the engine and of the connectors of the running attempt.
func (e *Engine) Gatherer() prometheus.Gatherer { return e.metrics }

// Close frees the plugins. It comes after Run.
func (e *Engine) Close(ctx context.Context) error { return e.plugins.Close(ctx) }

// Result is how a run ended.
type Result struct {
	Outcome checkpoint.Outcome
	Epoch   checkpoint.Epoch
	Counts  map[string]checkpoint.Count // by stage, of all decided epochs of the job
}

// Run works until the job is finished, stopped or has failed. The end of ctx ends it at once,
// without another epoch. The error says why for outcomes that are no success; it is a *StartError
// when the job never worked.
func (e *Engine) Run(ctx context.Context) (Result, error) {
	restart := newRestarter(e.cfg.Job.Restart)
	defer func() { e.endSwaps() }()
	for {
		began := e.cfg.Now()
		outcome, err := e.attempt(ctx, began)
		if outcome != checkpoint.Fenced && err != nil && ctx.Err() == nil {
			// A newer owner removes what the older one left, and finishes what it had decided,
			// so an older one that wakes may stumble over that before it comes to decide.
			if fenced := e.cfg.Log.CheckOwner(ctx); errors.Is(fenced, checkpoint.ErrFenced) {
				outcome, err = checkpoint.Fenced, errors.Join(fenced, err)
			}
		}
		if e.swaps.retry() && outcome == checkpoint.Restart && ctx.Err() == nil && !e.asked() {
			e.cfg.Logger.Warn("restarting with the version of a plugin before", "error", err)
			e.restarting(err)
			continue
		}
		if e.refusedAtStart(ctx, outcome, err) {
			return e.result(checkpoint.Fatal), &StartError{err}
		}
		if outcome != checkpoint.Restart || ctx.Err() != nil || e.asked() {
			return e.result(outcome), err
		}
		wait, ok := restart.next(began, e.cfg.Now())
		if !ok {
			return e.result(outcome), err
		}
		e.cfg.Logger.Warn("restarting after a failure", "wait", wait, "error", err)
		e.restarting(err)
		if !e.pause(ctx, wait) {
			return e.result(outcome), err
		}
	}
}

// refusedAtStart reports whether the outside refused the job before anything of it worked: no
// attempt got as far as running, or no epoch was decided and what is missing is a permission.
// Restarts are for what worked before; here a person waits for an answer.
func (e *Engine) refusedAtStart(ctx context.Context, o checkpoint.Outcome, err error) bool {
	if ctx.Err() != nil || e.asked() || o != checkpoint.Restart && o != checkpoint.Fatal {
		return false
	}
	e.mu.Lock()
	ran, decided := e.mu.ran, e.mu.status.Epoch > 0
	e.mu.Unlock()
	return !ran || !decided && errors.Is(err, filesystem.ErrReadOnly)
}

// pause waits before a restart. It reports false when the run is to end instead.
func (e *Engine) pause(ctx context.Context, wait time.Duration) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.stop:
		return false
	case <-ctx.Done():
		return false
	}
}

func (e *Engine) asked() bool {
	select {
	case <-e.stop:
		return true
	default:
		return false
	}
}

// attempt runs the job for the length of one claim.
func (e *Engine) attempt(ctx context.Context, began time.Time) (checkpoint.Outcome, error) {
	c := e.cfg.Job.Checkpoint
	a := &attempt{
		e: e, log: e.cfg.Log, began: began,
		events: make(chan any, eventsMax), calls: make(chan func() checkpoint.Event, 1),
		machine: checkpoint.NewMachine(checkpoint.Config{
			JobName: e.cfg.Job.Name, Log: e.cfg.Decider.Log, Parallelism: e.plan.tasks,
			Sources: e.plan.sourceNames(), DropSources: e.cfg.DropSources,
			Interval: c.Interval.D(), MinPause: c.MinPause.D(), Timeout: c.Timeout.D(),
			TolerableFailures: c.TolerableFailures,
		}),
	}
	e.metrics.begin()
	a.guests = newGuestMetrics(e.metrics.registerer())
	outcome, err := a.run(ctx)
	e.ended(a, outcome, err)
	return outcome, err
}

func (e *Engine) result(o checkpoint.Outcome) Result {
	s := e.Status()
	return Result{Outcome: o, Epoch: s.Epoch, Counts: s.Stages}
}

// env returns what a source or sink is lent.
func (e *Engine) env(jobID, name string) connectors.Env {
	return connectors.Env{
		Job: e.cfg.Job.Name, JobID: jobID, Name: name, Parallelism: e.plan.tasks,
		Logger: e.cfg.Logger.With("connector", name),
		Registerer: prometheus.WrapRegistererWith(
			prometheus.Labels{"name": name}, e.metrics.registerer()),
		Now: e.cfg.Now, FileSystems: e.cfg.FileSystems,
	}
}

func newRestarter(r config.Restart) restarter {
	switch r.Strategy {
	case config.RestartFixedDelay:
		return &fixedDelay{attempts: r.Attempts, delay: r.Delay.D()}
	case config.RestartExponentialDelay:
		return &exponentialDelay{
			initial: r.InitialBackoff.D(), max: r.MaxBackoff.D(),
			reset: r.ResetBackoffThreshold.D(), multiplier: r.BackoffMultiplier,
			jitter: r.JitterFactor, rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		}
	case config.RestartFailureRate:
		return &failureRate{
			failures: r.MaxFailuresPerInterval, interval: r.FailureRateInterval.D(),
			delay: r.Delay.D(),
		}
	}
	return noRestart{}
}
