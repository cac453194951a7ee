package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/host/operator"
)

// reopensMax bounds how often a version is opened anew because the job restarted before the next
// epoch ended. A job that restarts so often has other troubles.
const reopensMax = 10

// swapOrder is a request with its place in the history.
type swapOrder struct {
	SwapRequest
	id uint64
}

// swapper carries swaps out, one at a time: all that is slow about them happens in its goroutine.
type swapper struct {
	e     *Engine
	board *switchboard
}

// Swap begins to replace a version of a plugin and returns the number of the swap, which Plugins
// tells the story of. Nothing was begun when it returns an error. It may be called at any time
// while Run works.
func (e *Engine) Swap(r SwapRequest) (id uint64, err error) {
	x := e.plugins.find(r.Plugin)
	switch {
	case x == nil:
		return 0, fmt.Errorf("swapping %q: %w", r.Plugin, ErrNoPlugin)
	case !r.Back && r.Path == "" && r.Config == nil:
		return 0, fmt.Errorf("swapping %s: %w: name a module or a configuration", r.Plugin,
			ErrSwapRefused)
	case r.Back && x.previous() == nil:
		return 0, fmt.Errorf("swapping %s: %w: no version ran before the one in use", r.Plugin,
			ErrSwapRefused)
	case e.cfg.Job.Checkpoint.Interval == 0:
		return 0, fmt.Errorf("swapping %s: %w: a job without checkpoint.interval has no epochs to switch "+
			"between", r.Plugin, ErrSwapRefused)
	}
	if err := checkSwapRef(e.cfg.Job, x.Plugin, r); err != nil {
		return 0, fmt.Errorf("swapping %s: %w: %w", r.Plugin, ErrSwapRefused, err)
	}
	defer e.swaps.lock()()
	if e.swaps.mu.busy {
		return 0, fmt.Errorf("swapping %s: %w", r.Plugin, ErrSwapBusy)
	}
	e.swaps.mu.busy = true
	id = e.swaps.history.begin(r.Plugin, r.Trigger, x.current().name())
	e.swaps.orders <- swapOrder{r, id}
	return id, nil
}

// runSwaps starts the swapper and returns what ends it, to be called when no attempt runs any more.
func (e *Engine) runSwaps(ctx context.Context) (end func()) {
	// A swap holds instances that tasks may be exchanging, so it ends after them, not with ctx.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() { // ends by cancel
		defer close(done)
		(&swapper{e, e.swaps}).run(ctx, e.plugins.offers)
	}()
	return func() {
		cancel()
		<-done
	}
}

// run carries out swaps until ctx ends.
func (s *swapper) run(ctx context.Context, offers []SwapRequest) {
	for _, r := range offers {
		if _, err := s.e.Swap(r); err == nil {
			s.swap(ctx, <-s.board.orders)
			s.board.idle()
		}
	}
	for {
		select {
		case o := <-s.board.orders:
			s.swap(ctx, o)
			s.board.idle()
		case <-ctx.Done():
			return
		}
	}
}

// swap carries out one swap to its end.
func (s *swapper) swap(ctx context.Context, o swapOrder) {
	x := s.e.plugins.named(o.Plugin)
	var closing error
	t, err := s.prepare(ctx, x, o)
	if err == nil {
		err = s.enter(ctx, t)
	}
	if offer, ok := s.offered(ctx, x, o, t); ok && ctx.Err() == nil {
		x.looked(offer)
	}
	switch {
	case ctx.Err() != nil:
		// The job is over; Engine.Close frees what came into use.
	case err != nil:
		s.tell(o.id, func(e *Swap) { e.State, e.Reason = SwapRefused, err.Error() })
		s.e.cfg.Logger.Warn("a plugin is not swapped", "plugin", o.Plugin, "trigger", o.Trigger,
			"reason", err)
	default:
		closing = s.follow(ctx, t)
	}
	if t != nil {
		s.release(ctx, t, closing)
	}
}

// offered returns the offer of the job file that o was about. t is nil when o came to nothing.
func (s *swapper) offered(ctx context.Context, x *plugin, o swapOrder, t *trial) (string, bool) {
	if o.Path != x.Path || o.Back {
		return "", false
	}
	if t != nil {
		return offerOf(t.next.module.SHA256(), x.Config.JSON()), true
	}
	module, err := s.e.plugins.offeredModule(ctx, x.Plugin)
	if err != nil {
		return "", false
	}
	return offerOf(module, x.Config.JSON()), true
}

// prepare loads the new version and tries it on live records beside the old one.
func (s *swapper) prepare(ctx context.Context, x *plugin, o swapOrder) (*trial, error) {
	old := x.current()
	next, err := s.load(ctx, x, old, o.SwapRequest)
	if err != nil {
		return nil, err
	}
	to := next.name()
	s.tell(o.id, func(e *Swap) { e.State, e.To = SwapComparing, &to })
	err = failpoint.Hit("swap/loaded")
	if err == nil {
		err = checkSuccessor(x, old, next)
	}
	migrates := false
	if err == nil {
		migrates, err = s.e.plugins.takesOver(ctx, x, old, next)
	}
	if err == nil && !o.Back {
		err = s.compare(ctx, x, old, next, o)
	}
	if err != nil {
		return nil, errors.Join(err, next.Close(ctx))
	}
	return &trial{id: o.id, plugin: x, old: old, next: next, trusted: o.Back, migrates: migrates}, nil
}

func (s *swapper) load(ctx context.Context, x *plugin, old *version, r SwapRequest,
) (*version, error) {
	src := source{path: r.Path, pin: r.SHA256, signature: r.Signature, config: r.Config}
	if r.Path == x.Path && r.Signature == "" {
		src.signature = x.Signature
	}
	if r.Back {
		before := x.previous()
		src = source{path: before.module.Path(), bytes: before.bytes, config: before.config}
	}
	if src.path == "" {
		src.path, src.bytes = old.module.Path(), old.bytes
	}
	if src.config == nil {
		src.config = old.config
	}
	next, err := s.e.plugins.loadVersion(ctx, x.Plugin, src)
	if err != nil {
		return nil, err
	}
	if next.offer == old.offer {
		return nil, errors.Join(errors.New("it is the version that is in use"), next.Close(ctx))
	}
	return next, nil
}

// checkSuccessor refuses a version that cannot take the place of another while tasks run.
func checkSuccessor(x *plugin, old, next *version) error {
	if _, err := x.check(next.module, func(string) []string { return nil }); err != nil {
		return err
	}
	was, is := old.module.Description(), next.module.Description()
	for _, u := range x.uses {
		i, _ := was.Function(u.ref.Function)
		j, _ := is.Function(u.ref.Function)
		if !slices.Equal(was.Functions[i].Outputs, is.Functions[j].Outputs) {
			return fmt.Errorf("function %q has outputs %q, in the version in use %q; a change of outputs "+
				"needs a restart of the job", u.ref.Function, is.Functions[j].Outputs,
				was.Functions[i].Outputs)
		}
	}
	return nil
}

// compare tries next on live records beside old.
func (s *swapper) compare(ctx context.Context, x *plugin, old, next *version, o swapOrder) error {
	if x.Swap.Sample == 0 || len(x.uses) == 0 {
		return nil
	}
	if s.live(ctx) == nil {
		return ctx.Err()
	}
	var total operator.Comparison
	share := max(1, x.Swap.Sample/len(x.uses))
	patience := time.NewTimer(x.Swap.SampleWait.D())
	defer patience.Stop()
	defer func() { // tasks would go on copying for those that an error leaves out
		for _, u := range x.uses {
			x.sampler(u.step, u.ref.Function).Take()
		}
	}()
	var full []<-chan struct{}
	for _, u := range x.uses {
		full = append(full, x.sampler(u.step, u.ref.Function).Want(share))
	}
	waiting := true
	for i, u := range x.uses {
		if waiting {
			select {
			case <-full[i]:
			case <-patience.C:
				waiting = false
			case <-ctx.Done():
				waiting = false
			}
		}
		samples := x.sampler(u.step, u.ref.Function).Take()
		c, err := operator.Compare(ctx, samples,
			s.e.plugins.operatorConfig(u.step, u.ref, old, nil),
			s.e.plugins.operatorConfig(u.step, u.ref, next, nil), u.role)
		if err != nil {
			return fmt.Errorf("trying it on records of %s: %w", u.step, err)
		}
		total.Add(c)
	}
	s.tell(o.id, func(e *Swap) { e.Comparison = &total })
	s.e.cfg.Logger.Info("a new version of a plugin was tried on live records", "plugin", x.Name,
		"module", next.module.SHA256(), "records", total.Records, "different", total.Different,
		"cost_ratio", total.CostRatio)
	if err := failpoint.Hit("swap/compared"); err != nil {
		return err
	}
	if reason := judgeComparison(total, o.ExpectSame, x.Swap.ErrorBudget); reason != "" {
		return errors.New(reason)
	}
	return nil
}

// live waits for an attempt whose tasks run; nil is the end of ctx.
func (s *swapper) live(ctx context.Context) *attempt {
	for ctx.Err() == nil {
		if a := s.board.running(); a != nil {
			return a
		}
		select {
		case <-s.board.changed:
		case <-ctx.Done():
		}
	}
	return nil
}

// enter opens the functions of t for every task and waits until an epoch begins with them. It
// opens them anew where the job restarts meanwhile.
func (s *swapper) enter(ctx context.Context, t *trial) error {
	for range reopensMax {
		s.tell(t.id, func(e *Swap) { e.advance(SwapOpening) })
		if t.attempt = s.live(ctx); t.attempt == nil {
			return ctx.Err()
		}
		if err := s.open(ctx, t); err != nil {
			return err
		}
		s.tell(t.id, func(e *Swap) { e.advance(SwapWaiting) })
		if s.board.propose(t) {
			if s.await(ctx, t, trialOffered) != trialStale {
				return ctx.Err()
			}
		}
		if err := closeSpares(t); err != nil {
			return err
		}
	}
	return fmt.Errorf("the job restarted %d times before the plugin could be switched", reopensMax)
}

// open makes an instance for every place in every task.
func (s *swapper) open(ctx context.Context, t *trial) error {
	a := t.attempt
	t.spares = make([][]*operator.Spare, len(a.tasks))
	for i, run := range a.tasks {
		for _, at := range run.sites {
			if at.ref.Plugin != t.plugin.Name {
				continue
			}
			cfg := s.e.plugins.operatorConfig(at.step, at.ref, t.next, a.guests)
			cfg.Capture = t.plugin.captures
			spare, err := operator.NewSpare(ctx, cfg, at.role)
			if err != nil {
				return errors.Join(err, closeSpares(t))
			}
			t.spares[i] = append(t.spares[i], spare)
		}
	}
	return failpoint.Hit("swap/opened")
}

// closeSpares frees the instances that are no task's: those of the new version that were not
// needed, or those of the old one that were exchanged.
func closeSpares(t *trial) error {
	var errs []error
	for _, list := range t.spares {
		for _, spare := range list {
			errs = append(errs, spare.Close())
		}
	}
	t.spares = nil
	return errors.Join(errs...)
}

// await waits until the trial is in another state than was, or ctx ends, and returns it.
func (s *swapper) await(ctx context.Context, t *trial, was trialState) trialState {
	for {
		if now := s.board.view(t).state; now != was || ctx.Err() != nil {
			return now
		}
		select {
		case <-s.board.changed:
		case <-ctx.Done():
		}
	}
}

// follow watches a version that took over until it stays or the old one is back. The error is of
// instances that were closed.
func (s *swapper) follow(ctx context.Context, t *trial) (closing error) {
	for ctx.Err() == nil {
		v := s.board.view(t)
		switch v.state {
		case trialOn:
			s.tell(t.id, func(e *Swap) { e.State, e.First = SwapTrial, v.first })
		case trialProving:
			s.board.settleFor(t) // before it is told: whoever sees a probation may ask for another swap
			s.tell(t.id, func(e *Swap) { e.State, e.First = SwapProbation, v.first })
		case trialSettled:
			s.tell(t.id, func(e *Swap) { e.State, e.First = SwapDone, v.first })
			s.e.cfg.Logger.Info("a plugin was swapped", "plugin", t.plugin.Name,
				"module", t.next.module.SHA256(), "first_epoch", v.first)
			return nil
		case trialLost:
			s.returned(t.id, t, v)
			return nil
		case trialCondemned:
			return s.bringBack(ctx, t, v)
		}
		s.awaitOrNext(ctx, t, v.state)
	}
	return nil
}

// awaitOrNext is await; while the version proves itself, the next order ends that.
func (s *swapper) awaitOrNext(ctx context.Context, t *trial, was trialState) {
	if was != trialProving {
		s.await(ctx, t, was)
		return
	}
	for s.board.view(t).state == was && ctx.Err() == nil {
		select {
		case <-s.board.changed:
		case <-ctx.Done():
		case o := <-s.board.orders:
			s.board.settle(t)
			s.board.orders <- o // run takes it up; the channel has room, for it was just taken out
			return
		}
	}
}

// reopen gives back the instances that it needs: those of its version that t took the places of,
// unless they were of an attempt that is over, which it closes.
func (s *swapper) reopen(ctx context.Context, t, back *trial) (closing, err error) {
	if back.attempt == t.attempt && t.spares != nil {
		back.spares, t.spares = t.spares, nil
		return nil, nil
	}
	return closeSpares(t), s.open(ctx, back)
}

func (s *swapper) returned(id uint64, t *trial, v trial) {
	t.plugin.forget()
	s.tell(id, func(e *Swap) {
		e.State, e.First, e.Wrong, e.Back, e.Reason = SwapReturned, v.first, v.wrong, v.backAt, v.reason
	})
	s.e.cfg.Logger.Warn("a plugin is back at its version before", "plugin", t.plugin.Name,
		"module", t.old.module.SHA256(), "given_up", t.next.module.SHA256(), "reason", v.reason)
}

// bringBack has the version before t take over again at the end of an epoch. Its instances that t
// took the places of are at hand, so that this need not wait for new ones and is the next end. Where
// new ones are needed and cannot be opened, the attempt ends for it: the next one begins with the
// version before. The error is of instances that were closed.
func (s *swapper) bringBack(ctx context.Context, t *trial, why trial) (closing error) {
	for ctx.Err() == nil {
		back := &trial{id: t.id, plugin: t.plugin, old: t.next, next: t.old, trusted: true}
		if back.attempt = s.live(ctx); back.attempt == nil {
			return closing
		}
		if v := s.board.view(t); v.state == trialLost {
			s.returned(t.id, t, v) // a restart was faster
			return closing
		}
		closed, err := s.reopen(ctx, t, back)
		state := trialStale
		switch {
		case err != nil:
			if s.board.giveUp(t, back.attempt, err) {
				s.await(ctx, t, trialCondemned)
			}
		case s.board.replace(t, back):
			state = s.await(ctx, back, trialOffered)
			for ctx.Err() == nil && (state == trialOn || state == trialUndecided) {
				state = s.await(ctx, back, state)
			}
		}
		closing = errors.Join(closing, closed, closeSpares(back))
		if state == trialSettled {
			why.backAt = s.board.view(back).first
			s.returned(t.id, t, why)
			return closing
		}
	}
	return closing
}

// release frees what is left of a swap. closing is what went wrong with that before.
func (s *swapper) release(ctx context.Context, t *trial, closing error) {
	ctx = context.WithoutCancel(ctx)
	err := errors.Join(closing, closeSpares(t))
	s.board.drop()
	for _, v := range []*version{t.old, t.next} {
		if v != t.plugin.current() {
			err = errors.Join(err, v.Close(ctx))
		}
	}
	if err != nil {
		s.e.cfg.Logger.Debug("closing a version of a plugin", "plugin", t.plugin.Name, "error", err)
	}
}

func (s *swapper) tell(id uint64, change func(*Swap)) { s.board.history.update(id, change) }

// advance sets the state unless the swap is further: one that enters anew is.
func (s *Swap) advance(to SwapState) {
	if s.State == SwapLoading || s.State == SwapComparing || s.State == SwapOpening ||
		s.State == SwapWaiting {
		s.State = to
	}
}
