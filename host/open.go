package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/ratelimit"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// claim takes the job over (E1).
func (a *attempt) claim(ctx context.Context) checkpoint.Event {
	m, found, err := a.log.Claim(ctx)
	a.jobID = m.JobID
	return checkpoint.ClaimDone{
		Manifest: m, Found: found, Owner: a.log.Owner(), Err: err, Fatal: isFatal(err),
	}
}

// recover opens the sinks' committers and has each finish what the last owner decided.
func (a *attempt) recover(ctx context.Context, m checkpoint.Manifest) error {
	a.e.swaps.claimed(m.Epoch, m.Modules)
	if !a.e.adopted {
		if err := a.e.adopt(ctx, m.Modules); err != nil {
			return err
		}
	}
	if err := a.e.plugins.keep(ctx, a.log); err != nil {
		return err
	}
	retained, err := a.log.Retained(ctx)
	if err != nil {
		return fmt.Errorf("reading the retained manifests: %w", err)
	}
	for _, s := range a.e.plan.sinks {
		run, err := a.openSink(ctx, s)
		if err != nil {
			return err
		}
		a.sinks = append(a.sinks, run)
		if run.committer == nil {
			continue
		}
		if retained, err = a.recoverSink(ctx, run, m, retained); err != nil {
			return task.AtStage(s.Name, err, "recovering %s", s.Name)
		}
	}
	return a.refuseOrphans(m, retained)
}

// recoverSink has one committer recover. What it finds missing may not be lost: (1) the marks are
// read, (2) the older owner, which does not know yet that it is fenced, publishes the epoch that it
// had decided and marks it applied, (3) whoever waits for that output takes it away, (4) this one
// finds it neither pending nor final. So it looks once more with the marks that stand by then.
func (a *attempt) recoverSink(
	ctx context.Context, run *sinkRun, m checkpoint.Manifest, retained checkpoint.Retained,
) (checkpoint.Retained, error) {
	try := func() error {
		keep := retained
		keep.Named = committablesOf(retained.Named, run.name)
		keep.Held = committablesOf(m.Held, run.name)
		return run.committer.Recover(ctx, committablesOf(m.Committables, run.name), keep)
	}
	err := try()
	if !errors.Is(err, checkpoint.ErrLost) {
		return retained, err
	}
	before := retained.Applied
	again, readErr := a.log.Retained(ctx)
	if readErr != nil || again.Applied == before {
		return retained, errors.Join(err, readErr)
	}
	retained = again
	return retained, try()
}

// refuseOrphans stops a start that would leave decided output unpublished because its sink is no
// longer in the job file.
func (a *attempt) refuseOrphans(m checkpoint.Manifest, r checkpoint.Retained) error {
	for _, c := range m.Committables {
		known := slices.ContainsFunc(a.sinks, func(s *sinkRun) bool { return s.name == c.Sink })
		if !known && !c.Optional && c.Epoch > r.Applied {
			return orphaned(c, "it has decided output of epoch %d that is not published yet, but is "+
				"not in the job file; put it back for one start")
		}
	}
	for _, c := range m.Held {
		settles := slices.ContainsFunc(a.sinks, func(s *sinkRun) bool {
			_, ok := s.committer.(checkpoint.Settler)
			return ok && s.name == c.Sink
		})
		if !settles && !c.Optional {
			return orphaned(c, "it holds output back since epoch %d, and the job file has no sink of "+
				"that name that could publish it; put the sink back until it has stopped once")
		}
	}
	return nil
}

func orphaned(c checkpoint.Committable, text string) error {
	err := fmt.Errorf("%w: "+text, checkpoint.ErrRefused, c.Epoch)
	return task.AtStage(c.Sink, err, "recovering sink %s", c.Sink)
}

func committablesOf(cs []checkpoint.Committable, sink string) []checkpoint.Committable {
	var out []checkpoint.Committable
	for _, c := range cs {
		if c.Sink == sink {
			out = append(out, c)
		}
	}
	return out
}

func (a *attempt) openSink(ctx context.Context, s *config.Sink) (*sinkRun, error) {
	sink, err := s.Config.Open(ctx, a.e.env(a.jobID, s.Name))
	if err != nil {
		return nil, task.AtStage(s.Name, err, "opening sink %s", s.Name)
	}
	run := &sinkRun{name: s.Name, sink: sink}
	if o, ok := sink.(connectors.CommitterOpener); ok {
		run.committer, err = o.OpenCommitter(ctx, connectors.CommitterContext{Owner: a.log.Owner()})
		if err != nil {
			return nil, errors.Join(task.AtStage(s.Name, err, "opening the committer of %s", s.Name),
				sink.Close())
		}
	}
	return run, nil
}

// commit publishes decided output, sink by sink. Doing it again after an error is safe (I5).
func (a *attempt) commit(ctx context.Context, c checkpoint.Commit) checkpoint.Event {
	done := checkpoint.CommitDone{Epoch: c.Epoch}
	for _, s := range a.sinks {
		cs := committablesOf(c.Committables, s.name)
		if s.committer == nil || len(cs) == 0 {
			continue
		}
		if err := s.committer.Commit(ctx, cs); err != nil {
			done.Err = task.AtStage(s.name, err, "publishing output of %s", s.name)
			done.Retryable, done.Fatal = connectors.Classify(err) == connectors.Retry, isFatal(err)
			return done
		}
	}
	a.measureLag(ctx)
	a.measureManifest()
	return done
}

// abort throws prepared output away. What stays is a stray that a later claim removes.
func (a *attempt) abort(ctx context.Context, all []checkpoint.Committable) checkpoint.Event {
	ctx = context.WithoutCancel(ctx) // the attempt ends because its context did, more often than not
	for _, s := range a.sinks {
		cs := committablesOf(all, s.name)
		if s.committer == nil || len(cs) == 0 {
			continue
		}
		if err := s.committer.Abort(ctx, cs); err != nil {
			a.e.cfg.Logger.Warn("discarding undecided output", "sink", s.name, "error", err)
		}
	}
	return checkpoint.AbortDone{}
}

// start opens sources, readers, functions and writers, then lets the tasks run.
func (a *attempt) start(m checkpoint.Manifest) error {
	ctx := a.group.tasks
	a.progress = sourceStatusOf(m.Sources)
	for _, s := range a.e.plan.sources {
		src, err := s.Config.Open(ctx, a.e.env(a.jobID, s.Name))
		if err != nil {
			return task.AtStage(s.Name, err, "opening source %s", s.Name)
		}
		run := &sourceRun{
			name: s.Name, source: src, pool: newSplitPool(src, a.e.plan.tasks),
			adopted: make(chan checkpoint.Position, 1),
		}
		if !s.RateLimit.IsZero() {
			run.limiter = ratelimit.New(s.RateLimit.Records, float64(s.RateLimit.Bytes))
		}
		for _, state := range m.Sources {
			if state.Name == s.Name {
				run.pool.restore(state)
			}
		}
		a.sources = append(a.sources, run)
	}
	tasks := make([]*task.Task, 0, a.e.plan.tasks)
	for i := range a.e.plan.tasks {
		run := &taskRun{commands: make(chan task.Command, len(a.sources)+commandsSpare)}
		t, err := a.buildTask(ctx, i, run)
		if err != nil {
			return errors.Join(err, discardAll(tasks))
		}
		tasks = append(tasks, t)
		a.tasks = append(a.tasks, run)
	}
	a.launch(tasks)
	a.started = true
	a.e.swaps.started(a)
	return nil
}

func discardAll(tasks []*task.Task) error {
	var errs []error
	for _, t := range tasks {
		errs = append(errs, t.Discard())
	}
	return errors.Join(errs...)
}

// launch starts the goroutines of the attempt. Each tells its end by an event, so the coordinator
// knows when all are gone.
func (a *attempt) launch(tasks []*task.Task) {
	for i, t := range tasks {
		a.group.running++
		go func() { // ends by CommandStop, its own error or the end of the group
			a.events <- taskEnded{index: i, err: t.Run(a.group.tasks)}
		}()
	}
	for i, s := range a.sources {
		if s.pool.done {
			continue
		}
		a.group.running++
		state := s.pool.state
		go func() { // ends when the source is done, with an error or with the group
			a.events <- enumeratorEnded{source: i, err: a.enumerate(i, s, state)}
		}()
	}
}

// close releases sinks and sources. Tasks have ended by now.
func (a *attempt) close() error {
	var errs []error
	for _, s := range a.sources {
		errs = append(errs, s.source.Close())
	}
	for _, s := range a.sinks {
		if s.committer != nil {
			errs = append(errs, s.committer.Close())
		}
		errs = append(errs, s.sink.Close())
	}
	return errors.Join(errs...)
}
