package task

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// Source is one source of a task: its reader and the way into the chain.
type Source struct {
	Name         string
	Reader       connectors.SourceReader
	Deserializer connectors.Deserializer // nil passes records through
	Policy       Policy
	Limiter      Limiter // nil for no limit; shared by all tasks of the source
	Edges        []Edge
	Named        int // outputs of the deserializer beside the main one
	Counters     *Counters
}

// Limiter spreads a source's records over time.
type Limiter interface {
	// Take notes that records and bytes were read now and returns how long to wait before the
	// next Poll.
	Take(now time.Time, records, bytes int) time.Duration
}

// Config is what a task is made of. The task owns everything in it but the channels.
type Config struct {
	Index      int
	Sources    []Source
	Stages     []Stage // every stage reachable from the sources, each once, sinks last
	Sinks      []*SinkStage
	DeadLetter *DeadLetter // nil without dead letters
	Linger     time.Duration
	Gate       *Gate // shared by all tasks; nil is always open
	Now        func() time.Time
	Commands   <-chan Command
	Report     func(Report) // may block for a moment, never for long
	// Paused is told how long each epoch kept the task from reading; nil is nobody. It must not
	// block.
	Paused func(checkpoint.Epoch, Pause)
}

// Task runs the chain. Make it with New, run it once with Run.
type Task struct {
	cfg       Config
	sources   []sourceState
	listeners []connectors.TimeListener
	nextTick  time.Time
	final     bool // the last epoch is prepared: nothing is read any more
	timer     *time.Timer
	opening   <-chan struct{} // of the gate; nil while it is open
}

// sourceState is what the loop keeps of one source.
type sourceState struct {
	*Source
	guard     *guard
	outputs   outputs
	ended     bool      // every split given so far is read
	told      bool      // the engine knows that it ended
	notBefore time.Time // rate limit
	raw       connectors.Batch
	decoded   connectors.Batch
	faults    connectors.Faults
	ender     connectors.SplitEnder // the deserializer, if it can end splits
	over      map[string]bool       // splits that it ended
}

// New returns the task of cfg.
func New(cfg Config) *Task {
	t := &Task{cfg: cfg, sources: make([]sourceState, len(cfg.Sources))}
	for i := range cfg.Sources {
		s := &cfg.Sources[i]
		t.sources[i] = sourceState{
			Source: s, guard: newGuard(s.Name, s.Policy, s.Counters),
			outputs: newOutputs(s.Edges, s.Named), ended: true, told: true,
			over: map[string]bool{},
		}
		t.sources[i].ender, _ = s.Deserializer.(connectors.SplitEnder)
	}
	for _, s := range cfg.Sinks {
		if l, ok := s.writer.(connectors.TimeListener); ok {
			t.listeners = append(t.listeners, l)
		}
	}
	t.timer = time.NewTimer(time.Hour)
	t.timer.Stop()
	return t
}

// Run works until a Stop command, an error or the end of ctx, then closes what the task owns. It
// returns nil after a Stop.
func (t *Task) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, t.close()) }()
	for {
		stop, err := t.obey(ctx)
		if stop || err != nil {
			return err
		}
		worked, wait, err := t.step(ctx)
		if err != nil {
			return err
		}
		if err := t.tick(ctx); err != nil {
			return err
		}
		if worked {
			continue
		}
		if stop, err := t.idle(ctx, wait); stop || err != nil {
			return err
		}
	}
}

// step polls every source once that may be polled, unless the gate is shut. wait is how long
// nothing will come.
func (t *Task) step(ctx context.Context) (worked bool, wait time.Duration, err error) {
	wait = connectors.TimeListenerMax
	if t.opening = t.cfg.Gate.opening(); t.final || t.opening != nil {
		return false, wait, ctx.Err()
	}
	for i := range t.sources {
		s := &t.sources[i]
		if s.ended {
			continue
		}
		if !s.notBefore.IsZero() {
			if d := s.notBefore.Sub(t.cfg.Now()); d > 0 {
				wait = min(wait, d)
				continue
			}
			s.notBefore = time.Time{}
		}
		n, err := t.poll(ctx, i, s)
		if err != nil {
			return worked, 0, err
		}
		worked = worked || n > 0
		if !s.ended {
			wait = min(wait, t.cfg.Linger)
		}
	}
	return worked, wait, ctx.Err()
}

// poll reads one batch of source i and pushes it through the chain.
func (t *Task) poll(ctx context.Context, i int, s *sourceState) (int, error) {
	s.raw.Reset()
	s.Counters.Inside.Store(true)
	err := s.Reader.Poll(ctx, &s.raw)
	s.Counters.Inside.Store(false)
	n := s.raw.Len()
	switch {
	case errors.Is(err, connectors.ErrEndOfInput):
		s.ended = true
		t.tellEnded(i, s)
		return n, nil
	case err != nil:
		return n, AtStage(s.Name, err, "reading %s", s.Name)
	case n == 0:
		return 0, nil
	}
	bytes := payloadBytes(&s.raw)
	s.Counters.In.Add(uint64(n))
	s.Counters.InBytes.Add(bytes)
	if s.Limiter != nil {
		now := t.cfg.Now()
		if d := s.Limiter.Take(now, n, int(bytes)); d > 0 {
			s.notBefore = now.Add(d)
		}
	}
	if t.cfg.DeadLetter != nil {
		t.cfg.DeadLetter.source = s.Name
	}
	return n, s.pushRaw(ctx)
}

// pushRaw deserializes the polled batch and hands it to the chain.
func (s *sourceState) pushRaw(ctx context.Context) error {
	out := &s.raw
	if s.Deserializer != nil {
		s.decoded.Reset()
		s.faults.Reset()
		if err := s.Deserializer.Deserialize(ctx, &s.raw, &s.decoded, &s.faults); err != nil {
			return AtStage(s.Name, err, "deserializing a batch of %s", s.Name)
		}
		if err := s.guard.check(ctx, &s.raw, &s.faults); err != nil {
			return err
		}
		if s.ender != nil {
			for _, id := range s.ender.Ended() {
				s.over[id] = true
			}
		}
		out = &s.decoded
	}
	if out.Len() == 0 {
		return nil
	}
	s.Counters.Out.Add(uint64(out.Len()))
	return s.outputs.push(ctx, out)
}

// tellEnded reports, once per end, that source i needs splits.
func (t *Task) tellEnded(i int, s *sourceState) {
	if !s.told {
		s.told = true
		t.report(Report{Kind: ReportEnded, Source: i})
	}
}

// tick lets writers act on time.
func (t *Task) tick(ctx context.Context) error {
	if len(t.listeners) == 0 || t.final {
		return nil
	}
	now := t.cfg.Now()
	if now.Before(t.nextTick) {
		return nil
	}
	t.nextTick = now.Add(connectors.TimeListenerMax)
	for _, l := range t.listeners {
		if err := l.OnTime(ctx, now); err != nil {
			return fmt.Errorf("rolling output by time: %w", err)
		}
	}
	return nil
}

// idle waits for a command, for the gate to open or for wait to pass.
func (t *Task) idle(ctx context.Context, wait time.Duration) (stop bool, err error) {
	t.timer.Reset(wait)
	defer t.timer.Stop()
	select {
	case c := <-t.cfg.Commands:
		return t.execute(ctx, c)
	case <-t.timer.C:
		return false, nil
	case <-t.opening:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// obey executes the commands that are waiting (T1).
func (t *Task) obey(ctx context.Context) (stop bool, err error) {
	for {
		select {
		case c := <-t.cfg.Commands:
			if stop, err := t.execute(ctx, c); stop || err != nil {
				return stop, err
			}
		default:
			return false, ctx.Err()
		}
	}
}

func (t *Task) execute(ctx context.Context, c Command) (stop bool, err error) {
	switch c.Kind {
	case CommandAddSplits:
		s := &t.sources[c.Source]
		if err := s.Reader.AddSplits(ctx, c.Splits); err != nil {
			return false, AtStage(s.Name, err, "adding splits of %s", s.Name)
		}
		s.ended, s.told = false, false
		t.report(Report{Kind: ReportAdded, Source: c.Source})
		return false, nil
	case CommandPrepare:
		return false, t.endEpoch(ctx, c)
	case CommandCommitted:
		return false, t.committed(ctx, c.Epoch)
	case CommandStop:
		return true, nil
	}
	panic(fmt.Sprintf("unknown command %d", c.Kind))
}

// endEpoch does all that keeps the task from reading at the end of an epoch, and tells how long
// that took. Nothing is measured for nobody: the account of the thread takes system calls.
func (t *Task) endEpoch(ctx context.Context, c Command) error {
	if t.cfg.Paused == nil {
		return t.turn(ctx, c)
	}
	began, queue := t.cfg.Now(), readRunQueue()
	if err := t.turn(ctx, c); err != nil {
		return err
	}
	t.cfg.Paused(c.Epoch, Pause{
		Clock: t.cfg.Now().Sub(began), Queued: readRunQueue().since(queue),
	})
	return nil
}

// turn prepares an epoch, then does what the engine wants done before the next one.
func (t *Task) turn(ctx context.Context, c Command) error {
	if t.final = c.Final; t.final {
		if err := t.checkShares(); err != nil {
			return err
		}
	}
	if err := t.prepare(ctx, c.Epoch); err != nil {
		return err
	}
	if c.Then != nil {
		c.Then()
	}
	return nil
}

// prepare makes the output so far durable and invisible, then notes the positions (T2).
func (t *Task) prepare(ctx context.Context, e checkpoint.Epoch) error {
	r := checkpoint.Report{
		Task: t.cfg.Index, Epoch: e, Splits: make(map[string][]checkpoint.Split, len(t.sources)),
	}
	for _, s := range t.cfg.Sinks {
		cs, err := s.prepare(ctx, e)
		if err != nil {
			return err
		}
		r.Committables = append(r.Committables, cs...)
	}
	for i := range t.sources {
		s := &t.sources[i]
		splits, err := s.Reader.Snapshot(ctx, e)
		if err != nil {
			return AtStage(s.Name, err, "taking a snapshot of %s for epoch %d", s.Name, e)
		}
		// A split that the deserializer ended is finished although its reader would go on: it
		// leaves the manifest, so that nothing behind its end comes after a restart either.
		r.Splits[s.Name] = slices.DeleteFunc(splits, func(split checkpoint.Split) bool {
			return s.over[split.ID]
		})
	}
	r.Counts = t.counts()
	t.report(Report{Kind: ReportPrepared, Prepared: r})
	return nil
}

// counts returns what every stage has counted up to this batch boundary.
func (t *Task) counts() map[string]checkpoint.Count {
	out := make(map[string]checkpoint.Count, len(t.sources)+len(t.cfg.Stages))
	for i := range t.sources {
		out[t.sources[i].Name] = t.sources[i].Counters.Load()
	}
	for _, s := range t.cfg.Stages {
		name, c := s.count()
		out[name] = c
	}
	return out
}

// checkShares judges every stage by all it has seen.
func (t *Task) checkShares() error {
	for i := range t.sources {
		if err := t.sources[i].guard.checkShare(); err != nil {
			return err
		}
	}
	for _, s := range t.cfg.Stages {
		if err := s.checkShare(); err != nil {
			return err
		}
	}
	return nil
}

func (t *Task) committed(ctx context.Context, e checkpoint.Epoch) error {
	for i := range t.sources {
		s := &t.sources[i]
		l, ok := s.Reader.(connectors.CommitListener)
		if !ok {
			continue
		}
		if err := l.OnCommitted(ctx, e); err != nil {
			return AtStage(s.Name, err, "acknowledging epoch %d to %s", e, s.Name)
		}
	}
	return nil
}

func (t *Task) report(r Report) {
	r.Task = t.cfg.Index
	t.cfg.Report(r)
}

// Discard closes what the task owns when Run is never called.
func (t *Task) Discard() error { return t.close() }

// close releases readers first, so that nothing new is read while writers give up (T4).
func (t *Task) close() error {
	var errs []error
	for i := range t.sources {
		s := &t.sources[i]
		errs = append(errs, s.Reader.Close())
		if s.Deserializer != nil {
			errs = append(errs, s.Deserializer.Close())
		}
	}
	for _, s := range t.cfg.Stages {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}
