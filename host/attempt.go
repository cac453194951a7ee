package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/ratelimit"
	"github.com/wasmflow/wasmflow/host/task"
)

// Bounds of an attempt's queues.
const (
	// eventsMax is how many events may wait for the coordinator. Senders block beyond it; the
	// coordinator never waits for a sender, so it always drains.
	eventsMax = 256
	// commandsSpare is how many commands beside one AddSplits a source may wait for a task: a
	// Prepare, the Committed of the epoch before it, and a Stop, with room for one more each.
	commandsSpare = 6
	// abandonMax is how long an attempt that failed waits for its log to end a transaction. Readers
	// of the output wait meanwhile, and without it until the next claim or the broker's timeout.
	abandonMax = 5 * time.Second
)

// abandoner is the ability of a log to end what an attempt left open.
type abandoner interface {
	Abandon(ctx context.Context) error
}

// attempt is the life of one claim: a machine, the goroutines it commands, and what they opened.
// Its coordinator is the goroutine that calls run; every field belongs to it unless said otherwise.
type attempt struct {
	e       *Engine
	machine *checkpoint.Machine
	log     JobLog
	jobID   string // since the claim
	began   time.Time
	guests  *guestMetrics
	tx      checkpoint.Tx // of the log, since the first epoch began; nil for a log without
	started bool          // StartTasks succeeded

	events  chan any                     // to the coordinator
	calls   chan func() checkpoint.Event // to the caller goroutine, one at a time
	effects []checkpoint.Effect          // still to be done

	group group // of tasks and enumerators

	sources      []*sourceRun
	sinks        []*sinkRun
	tasks        []*taskRun
	stopping     bool
	stopped      bool // the machine knows that no goroutine is left
	inputDone    bool
	preparing    checkpoint.Prepare          // the newest one
	published    bool                        // the final epoch is: tasks only have to close
	preparedAt   time.Duration               // when the newest epoch began to be prepared
	acknowledged checkpoint.Epoch            // the last published one
	counts       map[string]checkpoint.Count // of the newest decided epoch
	deciding     map[string]checkpoint.Count // of the epoch that is being decided
	duration     time.Duration               // of the last published epoch
	progress     map[string]SourceStatus     // as of the last published epoch
	nextProgress map[string]SourceStatus     // as of the epoch that is being decided
	decided      []checkpoint.SourceState    // of the same epoch
	waits        []Wait                      // as of the last tick
	pause        uint64                      // number of the last pause that the machine was told of
	cause        Cause                       // of the next epoch, if it is not the interval
	story        PublishedEpoch              // of the newest epoch
	manifest     checkpoint.Manifest         // of the newest epoch that is to be decided
	outcome      checkpoint.Outcome
	err          error
	over         bool
}

// sourceRun is one source of the job while an attempt lasts.
type sourceRun struct {
	name    string
	source  connectors.Source
	pool    *splitPool
	limiter *ratelimit.Limiter       // nil for none
	adopted chan checkpoint.Position // tells the enumerator that its answer is adopted
}

// sinkRun is one sink of the job while an attempt lasts.
type sinkRun struct {
	name      string
	sink      connectors.Sink
	committer checkpoint.Committer // nil when its writers prepare nothing
}

// taskRun is one task while an attempt lasts.
type taskRun struct {
	commands chan task.Command
	counters map[string]*task.Counters
	sites    []site // of guest functions
}

// group is the goroutines of tasks and enumerators.
type group struct {
	tasks, enumerators             context.Context
	cancelTasks, cancelEnumerators context.CancelFunc
	running                        int // goroutines that have not told their end
}

func newGroup(ctx context.Context) group {
	var g group
	g.tasks, g.cancelTasks = context.WithCancel(ctx)
	g.enumerators, g.cancelEnumerators = context.WithCancel(ctx)
	return g
}

func (g *group) cancel() { g.stop(false) }

// stop ends the enumerators and, unless they end by a command in their own time, the tasks.
func (g *group) stop(orderly bool) {
	g.cancelEnumerators()
	if !orderly {
		g.cancelTasks()
	}
}

// Events of the coordinator beside those of the machine.
type (
	taskReport struct{ task.Report }
	taskEnded  struct {
		index int
		err   error
	}
	enumerated struct {
		source int
		answer connectors.Enumeration
	}
	enumeratorEnded struct {
		source int
		err    error
	}
)

// run drives the machine from claim to end.
func (a *attempt) run(ctx context.Context) (checkpoint.Outcome, error) {
	a.group = newGroup(ctx)
	defer a.group.cancel()
	callerDone := make(chan struct{})
	go func() { // ends when calls is closed below
		defer close(callerDone)
		for call := range a.calls {
			a.events <- call()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	a.step(ctx, checkpoint.Start{})
	a.heed(ctx)
	stop, hard := a.e.stop, ctx.Done()
	for !a.over {
		a.arm(timer)
		select {
		case ev := <-a.events:
			a.handle(ctx, ev)
		case <-timer.C:
			a.waits = a.e.Waits() // when an epoch times out its tasks are cancelled, and are elsewhere
			a.step(ctx, checkpoint.Tick{})
		case <-a.e.control.changed:
			a.heed(ctx)
		case answer := <-a.asks():
			a.trigger(ctx, answer)
		case <-stop:
			stop = nil
			a.step(ctx, checkpoint.Stop{})
		case <-hard:
			hard = nil
			a.step(ctx, checkpoint.Failed{Err: context.Cause(ctx)})
		}
		a.e.publish(a)
		a.tellRest()
	}
	close(a.calls)
	<-callerDone
	a.abandon(ctx)
	a.e.swaps.over(a.err)
	return a.outcome, errors.Join(a.err, a.close())
}

// abandon ends what the attempt left open in the log, if anything. What stays open is ended by the
// next claim.
func (a *attempt) abandon(ctx context.Context) {
	log, ok := a.log.(abandoner)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonMax)
	defer cancel()
	if err := log.Abandon(ctx); err != nil {
		a.e.cfg.Logger.Debug("ending the transaction of an attempt", "error", err)
	}
}

// source returns the run of the source called name, or nil.
func (a *attempt) source(name string) *sourceRun {
	for _, s := range a.sources {
		if s.name == name {
			return s
		}
	}
	return nil
}

// arm sets the timer to the machine's next tick.
func (a *attempt) arm(timer *time.Timer) {
	next, ok := a.machine.Next()
	if !ok {
		timer.Stop()
		return
	}
	timer.Reset(max(0, next-a.now()))
}

func (a *attempt) now() time.Duration { return a.e.cfg.Now().Sub(a.began) }

// step tells the machine and does what it answers. Effects are done in order although doing one
// may step the machine again.
func (a *attempt) step(ctx context.Context, ev checkpoint.Event) {
	if a.over {
		return
	}
	nested := len(a.effects) > 0
	a.effects = append(a.effects, a.machine.Step(a.now(), ev)...)
	if nested {
		return
	}
	for len(a.effects) > 0 {
		a.do(ctx, a.effects[0])
		a.effects = a.effects[1:]
	}
}

// call hands f to the caller goroutine. The machine has at most one call under way, so the queue
// of one never blocks.
func (a *attempt) call(f func() checkpoint.Event) {
	select {
	case a.calls <- f:
	default:
		panic("host: two calls at the same time")
	}
}

// do carries out one effect of the machine.
func (a *attempt) do(ctx context.Context, effect checkpoint.Effect) {
	switch ef := effect.(type) {
	case checkpoint.Claim:
		a.call(func() checkpoint.Event { return a.claim(ctx) })
	case checkpoint.Recover:
		// What the attempt before decided is counted although a stop may come before tasks start.
		a.counts = ef.Manifest.Counts
		a.call(func() checkpoint.Event {
			err := a.recover(ctx, ef.Manifest)
			return checkpoint.RecoverDone{Settles: a.settles(), Err: err, Fatal: isFatal(err)}
		})
	case checkpoint.Begin:
		tx, err := a.log.Begin(ctx, ef.Epoch)
		if err != nil {
			a.fail(ctx, fmt.Errorf("beginning epoch %d: %w", ef.Epoch, err))
			return
		}
		a.tx = tx
	case checkpoint.StartTasks:
		if err := a.start(ef.Manifest); err != nil {
			a.fail(ctx, err)
		}
		a.handOut(ctx)
	case checkpoint.Prepare:
		a.prepare(ctx, ef)
	case checkpoint.Settle:
		a.call(func() checkpoint.Event { return a.settle(ctx, ef) })
	case checkpoint.Decide:
		// A decision is never given up half-way: its outcome would be unknown for nothing.
		a.deciding = ef.Manifest.Counts
		a.note(ef.Manifest)
		keep := context.WithoutCancel(ctx)
		next := a.e.swaps.pending(ef.Manifest.Epoch)
		a.decided, a.nextProgress = ef.Manifest.Sources, sourceStatusOf(ef.Manifest.Sources)
		a.call(func() checkpoint.Event {
			err := a.decide(keep, ef.Manifest, next)
			return checkpoint.DecideDone{Epoch: ef.Manifest.Epoch, Err: err, Fatal: isFatal(err)}
		})
	case checkpoint.Commit:
		a.counts = a.deciding
		a.story.Decided = a.e.cfg.Now().UTC()
		a.e.swaps.decided(ef.Epoch)
		a.call(func() checkpoint.Event { return a.commit(ctx, ef) })
	case checkpoint.Acknowledge:
		a.acknowledge(ef.Epoch)
	case checkpoint.MarkApplied:
		if err := a.log.Applied(ctx, ef.Epoch); err != nil {
			a.e.cfg.Logger.Warn("noting that an epoch is applied", "epoch", ef.Epoch, "error", err)
		}
	case checkpoint.StopTasks:
		a.stopTasks(ctx)
	case checkpoint.Abort:
		a.call(func() checkpoint.Event { return a.abort(ctx, ef.Committables) })
	case checkpoint.End:
		a.outcome, a.err, a.over = ef.Outcome, blameTimeout(ef.Err, a.waits), true
	default:
		panic(fmt.Sprintf("host: unknown effect %T", effect))
	}
}

// isFatal reports whether another attempt would meet err again.
func isFatal(err error) bool { return connectors.Classify(err) == connectors.Fatal }

// fail tells the machine of a failure of tasks, enumerators or the log.
func (a *attempt) fail(ctx context.Context, err error) {
	blamed := a.e.swaps.blames(err, a.preparing.Epoch)
	fatal := isFatal(err) && !blamed
	a.step(ctx, checkpoint.Failed{Err: err, Fatal: fatal})
}

// handle takes one event.
func (a *attempt) handle(ctx context.Context, ev any) {
	switch ev := ev.(type) {
	case checkpoint.Event:
		a.step(ctx, ev)
	case taskReport:
		a.onReport(ctx, ev.Report)
	case enumerated:
		s := a.sources[ev.source]
		s.pool.adopt(ev.answer)
		s.adopted <- ev.answer.State // the enumerator waits for it
		a.handOut(ctx)
	case enumeratorEnded:
		a.group.running--
		if ev.err != nil && !a.stopping {
			a.fail(ctx, ev.err)
		}
		a.maybeStopped(ctx)
	case taskEnded:
		a.group.running--
		if ev.err != nil && (!a.stopping || !errors.Is(ev.err, context.Canceled)) {
			a.fail(ctx, ev.err)
		}
		a.maybeStopped(ctx)
	default:
		panic(fmt.Sprintf("host: unknown event %T", ev))
	}
}

func (a *attempt) onReport(ctx context.Context, r task.Report) {
	switch r.Kind {
	case task.ReportAdded:
		a.sources[r.Source].pool.added(r.Task)
		a.handOut(ctx)
	case task.ReportEnded:
		a.sources[r.Source].pool.ended(r.Task)
		a.handOut(ctx)
	case task.ReportPrepared:
		// Before the machine takes the report: with the last one it decides.
		if err := a.e.swaps.verdict(r.Prepared.Epoch); err != nil {
			a.fail(ctx, err)
		}
		a.step(ctx, checkpoint.Prepared{Report: r.Prepared})
	}
}

// handOut gives splits to tasks that wait for some and notices the end of the input.
func (a *attempt) handOut(ctx context.Context) {
	if !a.started || a.stopping {
		return
	}
	done := len(a.sources) > 0
	for i, s := range a.sources {
		for t, run := range a.tasks {
			if splits := s.pool.next(t); len(splits) > 0 {
				a.send(run, task.Command{Kind: task.CommandAddSplits, Source: i, Splits: splits})
			}
		}
		done = done && s.pool.finished()
	}
	if done && !a.inputDone {
		a.inputDone = true
		a.step(ctx, checkpoint.InputEnded{})
	}
}

// send queues a command. The queue has room for every command that may be under way.
func (a *attempt) send(t *taskRun, c task.Command) {
	select {
	case t.commands <- c:
	default:
		panic("host: the command queue of a task is full")
	}
}

// prepare asks every task for its part of the epoch, then gives the coordinator's own. Splits
// handed out before travel ahead of the Prepare in the tasks' queues (E2).
func (a *attempt) prepare(ctx context.Context, p checkpoint.Prepare) {
	c := checkpoint.Collected{Epoch: p.Epoch, Modules: a.e.plugins.modules()}
	exchanges := a.exchanges(p)
	for i, t := range a.tasks {
		a.send(t, task.Command{
			Kind: task.CommandPrepare, Epoch: p.Epoch, Final: p.Final, Then: exchanges(i),
		})
	}
	for _, s := range a.sources {
		c.Sources = append(c.Sources, checkpoint.SourceProgress{
			Name: s.name, Enumerator: s.pool.state, Unassigned: s.pool.unassigned(),
			Done: s.pool.done,
		})
	}
	a.preparing, a.preparedAt = p, a.now()
	a.story.Cause, a.cause = causeOf(p, a.cause), ""
	a.step(ctx, c)
}

func (a *attempt) acknowledge(epoch checkpoint.Epoch) {
	for _, t := range a.tasks {
		a.send(t, task.Command{Kind: task.CommandCommitted, Epoch: epoch})
	}
	a.duration = a.now() - a.preparedAt
	a.e.metrics.duration.Observe(a.duration.Seconds())
	a.story.DurationSeconds = a.duration.Seconds()
	a.e.checkpoints.add(a.story)
	a.published, a.acknowledged, a.progress = a.preparing.Final, epoch, a.nextProgress
}

// stopTasks ends tasks and enumerators: at once, unless the final epoch is published and all that
// is left to them is to close.
func (a *attempt) stopTasks(ctx context.Context) {
	a.stopping = true
	for _, t := range a.tasks {
		a.send(t, task.Command{Kind: task.CommandStop})
	}
	a.group.stop(a.published)
	a.maybeStopped(ctx)
}

// maybeStopped tells the machine, once, when the last goroutine has ended: (1) the last task fails
// while a decision is under way, (2) its failure stops the tasks, of which there are none, (3) its
// end is looked at.
func (a *attempt) maybeStopped(ctx context.Context) {
	if a.stopping && !a.stopped && a.group.running == 0 {
		a.stopped = true
		a.step(ctx, checkpoint.TasksStopped{})
	}
}
