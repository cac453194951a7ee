package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// Ends are the two ends of a job and its judge.
type Ends interface {
	// Start returns the command line of one run of the job and prepares what it needs, such as
	// a job file with this parallelism. slow asks for a pace that leaves work for later runs.
	Start(parallelism int, slow bool) ([]string, error)
	// Takeover returns the same for a run that takes the job over from a process that holds it.
	Takeover(parallelism int, slow bool) ([]string, error)
	// Watch looks at the visible output once. It is called all the time and returns an error
	// when something visible has changed or vanished.
	Watch() error
	// Check judges the output of the finished job and returns a line for people.
	Check() (string, error)
}

// Exit codes of wasmflow that the runner knows.
const (
	exitOutside = 3 // it failed before it had decided anything
	exitDone    = 0
	exitFailed  = 1
	exitFenced  = 4
)

// Config says how much is done to a job.
type Config struct {
	Ends       Ends
	Seed       uint64
	Kills      int      // kill -9 at random moments
	Failpoints []string // places to die at
	Each       int      // times to die at each of them
	// Once are those among them that a run passes when it starts and not again, so that it cannot
	// be made to die at a later time.
	Once []string
	// Before names, for places that are passed only when the run before left something behind, the
	// place at which that one dies: not every moment leaves it.
	Before map[string]string
	// Companions arm a second place for those that only a failure leads to, given the
	// parallelism: the failure itself, as an error of that place.
	Companions map[string]func(parallelism int, rng *rand.Rand) string
	Zombies    int // freeze, take over, wake
	// Near are the places around a decision, at which half of the zombies freeze.
	Near  []string
	Blows []Blow
	// LifeMin and LifeMax bound how long a process lives before it is killed.
	LifeMin, LifeMax time.Duration
	// Parallelism is the number of tasks in half of all starts; the others have any number up to
	// ParallelismMax, so that most restarts change it.
	Parallelism, ParallelismMax int
	Log                         io.Writer
}

// Bounds of waiting. They are far above what a healthy run needs, on a machine that is busy, too.
const (
	finishMax    = 10 * time.Minute // for the last run, which works off the rest
	failpointMax = 2 * time.Minute  // for a process to reach its failpoint
	onceMax      = 6 * time.Second  // for one that may have missed a place of the start
	fencedMax    = 2 * time.Minute  // for a woken zombie to notice
	fencedStep   = time.Second      // between two looks at both
	watchEvery   = 100 * time.Millisecond
)

// Runner does it.
type Runner struct {
	cfg Config
	rng *rand.Rand
	// kills counts processes ended by kill -9, whatever for.
	kills int
}

// New returns a runner.
func New(cfg Config) *Runner {
	return &Runner{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6368616f73))}
}

// Run does everything that was asked for, lets the job finish and has it judged.
func (r *Runner) Run(ctx context.Context) (err error) {
	r.logf("seed %d", r.cfg.Seed)
	stop := r.watch(ctx)
	defer func() { err = errors.Join(err, stop()) }()
	phases := []func(context.Context) error{r.random, r.places, r.freeze, r.blows, r.finish}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return fmt.Errorf("seed %d: %w", r.cfg.Seed, err)
		}
	}
	verdict, err := r.cfg.Ends.Check()
	if err != nil {
		return fmt.Errorf("seed %d: checking the output: %w", r.cfg.Seed, err)
	}
	r.logf("%d processes killed; %s", r.kills, verdict)
	return nil
}

// watch looks at the output until the returned function is called, which returns what it found.
func (r *Runner) watch(ctx context.Context) func() error {
	done, result := make(chan struct{}), make(chan error, 1)
	go func() { // ends with done
		ticker := time.NewTicker(watchEvery)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				result <- r.cfg.Ends.Watch()
				return
			case <-ctx.Done():
				result <- ctx.Err()
				return
			case <-ticker.C:
				if err := r.cfg.Ends.Watch(); err != nil {
					result <- err
					return
				}
			}
		}
	}()
	return func() error {
		close(done)
		return <-result
	}
}

// random kills processes at random moments.
func (r *Runner) random(ctx context.Context) error {
	for i := range r.cfg.Kills {
		p, err := r.start(ctx, r.cfg.Ends.Start, true, "")
		if err != nil {
			return err
		}
		life := r.life()
		if p.exitedWithin(life) {
			return fmt.Errorf("kill %d: the process ended by itself before it was killed: %s", i+1,
				p.describe())
		}
		r.kill(p)
		r.every(i+1, r.cfg.Kills, 25, "kills at random moments")
	}
	return nil
}

// places kills processes at every failpoint. A place that only a recovery passes is reached
// because the process before died with work to recover.
func (r *Runner) places(ctx context.Context) error {
	for _, name := range r.cfg.Failpoints {
		for i := range r.cfg.Each {
			nth := 1
			if !slices.Contains(r.cfg.Once, name) {
				nth += r.rng.IntN(1 + i)
			}
			if err := r.dieAt(ctx, name, nth); err != nil {
				return err
			}
		}
		r.logf("died %d times at %s", r.cfg.Each, name)
	}
	return nil
}

// companionTries is how often a process may end by the companion's error before it comes to the
// place itself: the error has to meet an epoch that other tasks have prepared.
const companionTries = 20

// onceTries is how often a place of the start may be missed. A busy machine may not have come that
// far, so each try has four times as long as the one before.
const onceTries = 3

func (r *Runner) dieAt(ctx context.Context, name string, nth int) error {
	once := slices.Contains(r.cfg.Once, name)
	wait := failpointMax
	if once {
		wait = onceMax
	}
	for try := 1; ; try++ {
		if before := r.cfg.Before[name]; before != "" {
			if err := r.dieAt(ctx, before, 1); err != nil {
				return fmt.Errorf("before %s: %w", name, err)
			}
		}
		parallelism := r.parallelism()
		places := fmt.Sprintf("%s=kill@%d", name, nth)
		companion := r.cfg.Companions[name]
		if companion != nil {
			places = name + "=kill," + companion(parallelism, r.rng)
		}
		// At full pace every task has something to prepare.
		p, err := r.startWith(ctx, r.cfg.Ends.Start, parallelism, companion == nil, places)
		if err != nil {
			return err
		}
		if !p.exitedWithin(wait) {
			r.kill(p)
			if once && try < onceTries {
				wait *= 4
				continue
			}
			return fmt.Errorf("failpoint %s: not reached %d times within %s: %s", name, nth, wait,
				p.describe())
		}
		if p.killed() {
			r.kills++
			return nil
		}
		failed := p.exitCode() == exitFailed || p.exitCode() == exitOutside
		if companion == nil || !failed || try == companionTries {
			return fmt.Errorf("failpoint %s: the process ended otherwise: %s", name, p.describe())
		}
	}
}

// zombieTries is how often a process may be frozen before it has claimed: it then finds the job
// held when it wakes, and refuses, which is right but no zombie. Each try lives twice as long as
// the one before: a busy machine takes seconds to start a process.
const zombieTries = 10

// freeze makes zombies: a process is stopped, another takes the job over, the first wakes. It has
// to notice that it was fenced, and what it had prepared must not come to light.
func (r *Runner) freeze(ctx context.Context) error {
	for i := range r.cfg.Zombies {
		for try := 1; ; try++ {
			code, err := r.zombie(ctx, r.life()<<(try-1))
			if err != nil {
				return fmt.Errorf("zombie %d: %w", i+1, err)
			}
			if code == exitFenced {
				break
			}
			if try == zombieTries {
				return fmt.Errorf("zombie %d: %d times frozen before it had claimed", i+1, try)
			}
		}
		r.every(i+1, r.cfg.Zombies, 5, "zombies fenced")
	}
	return nil
}

// zombie makes one of a process that has lived for a while and returns its exit code: fenced, or
// outside because it had not claimed yet.
func (r *Runner) zombie(ctx context.Context, life time.Duration) (int, error) {
	zombie, err := r.start(ctx, r.cfg.Ends.Start, true, r.freezeAt())
	if err != nil {
		return 0, err
	}
	defer r.kill(zombie)
	if zombie.exitedWithin(life) {
		return 0, fmt.Errorf("ended before it was frozen: %s", zombie.describe())
	}
	zombie.freeze()
	heir, err := r.start(ctx, r.cfg.Ends.Takeover, true, "")
	if err != nil {
		return 0, err
	}
	defer r.kill(heir)
	if heir.exitedWithin(r.cfg.LifeMax) {
		return 0, fmt.Errorf("the process that took over ended: %s", heir.describe())
	}
	for wait := fencedMax; !zombie.wakeUntilExit(fencedStep); wait -= fencedStep {
		// Frozen after it found the job free and before its claim, it takes the job when it wakes:
		// the one that came later is fenced, and this was no zombie.
		if heir.exitedWithin(0) && heir.exitCode() == exitFenced {
			return exitOutside, nil
		}
		if wait <= 0 {
			return 0, fmt.Errorf("still running %s after it woke: %s; the process that took over: %s",
				fencedMax, zombie.describe(), heir.describe())
		}
	}
	if code := zombie.exitCode(); code == exitFenced || code == exitOutside {
		return code, nil
	}
	return 0, fmt.Errorf("want exit code %d after waking, have: %s", exitFenced, zombie.describe())
}

// freezeAt returns a failpoint at which a process stops itself, for half of the zombies: the
// moments around a decision are too short to be met by chance.
func (r *Runner) freezeAt() string {
	if r.rng.IntN(2) == 0 || len(r.cfg.Near) == 0 {
		return ""
	}
	name := r.cfg.Near[r.rng.IntN(len(r.cfg.Near))]
	return fmt.Sprintf("%s=stop@%d", name, 1+r.rng.IntN(3))
}

// finish lets the job work off the rest.
func (r *Runner) finish(ctx context.Context) error {
	p, err := r.start(ctx, r.cfg.Ends.Start, false, "")
	if err != nil {
		return err
	}
	if !p.exitedWithin(finishMax) {
		r.kill(p)
		return fmt.Errorf("finishing the job: it did not end within %s: %s", finishMax, p.describe())
	}
	if p.exitCode() != exitDone {
		return fmt.Errorf("finishing the job: %s", p.describe())
	}
	return nil
}

// start runs the job with the next number of tasks.
func (r *Runner) start(ctx context.Context, command func(int, bool) ([]string, error), slow bool,
	places string,
) (*process, error) {
	return r.startWith(ctx, command, r.parallelism(), slow, places)
}

// parallelism draws the number of tasks of the next start.
func (r *Runner) parallelism() int {
	if r.rng.IntN(2) == 0 {
		return r.cfg.Parallelism
	}
	return 1 + r.rng.IntN(r.cfg.ParallelismMax)
}

func (r *Runner) startWith(ctx context.Context, command func(int, bool) ([]string, error),
	parallelism int, slow bool, places string,
) (*process, error) {
	argv, err := command(parallelism, slow)
	if err != nil {
		return nil, fmt.Errorf("preparing a run: %w", err)
	}
	var env []string
	if places != "" {
		env = append(env, failpoint.EnvVar+"="+places)
	}
	return startProcess(ctx, argv, env)
}

// kill ends a process, unless it has ended.
func (r *Runner) kill(p *process) {
	if p.kill() {
		r.kills++
	}
}

func (r *Runner) life() time.Duration {
	return r.cfg.LifeMin + time.Duration(r.rng.Int64N(int64(r.cfg.LifeMax-r.cfg.LifeMin)))
}

func (r *Runner) logf(format string, args ...any) {
	fmt.Fprintf(r.cfg.Log, "chaos: "+format+"\n", args...)
}

// every logs progress each n steps and at the end.
func (r *Runner) every(done, of, n int, what string) {
	if done%n == 0 || done == of {
		r.logf("%d of %d %s", done, of, what)
	}
}
