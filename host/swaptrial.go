package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/task"
)

// trialState is how far a version is that was loaded, compared and opened.
//
//	            taken          decided            enough epochs
//	offered ------------> on ------------> proving ------------> settled
//	   |                  |                  |    `--> condemned: another trial brings the old back
//	   | attempt over     | attempt over     | attempt over because of it, or condemned
//	   v                  v                  v
//	 stale          undecided --claim--> lost
//	                      `--claim--> proving (its epoch stands after all)
//
// A trusted version, which worked before, is never stale: the next claim begins with it.
//
// The coordinator drives it; the swapper reads it and waits for changes.
type trialState int

// The states.
const (
	trialOffered   trialState = iota
	trialStale                // its instances are of an attempt that is over
	trialOn                   // works on an epoch that is not decided
	trialUndecided            // the attempt ended meanwhile; the next claim tells
	trialProving              // has produced decided epochs
	trialCondemned            // did badly while proving
	trialLost                 // the old version is back
	trialSettled              // stays
)

// trial is a version on its way into the job.
type trial struct {
	id       uint64 // in the history
	plugin   *plugin
	old      *version
	next     *version
	baseline operator.Vitals // what old did
	trusted  bool            // brings back a version that worked: it is not judged
	migrates bool            // takes over state of another version: no way back once it is decided
	attempt  *attempt        // whose functions the spares are made for
	spares   [][]*operator.Spare

	state   trialState
	first   checkpoint.Epoch // that next works on
	left    int              // epochs with records to prove itself in
	seen    uint64           // records that next had worked on when an epoch was last counted
	blamed  bool             // the attempt ended, or is to end, because of next
	stuck   error            // why old does not come back without a restart; nil for none
	reason  string
	wrong   checkpoint.Epoch // that it did badly in
	backAt  checkpoint.Epoch
	counted checkpoint.Epoch // last decided epoch that was
}

// RollbackError ends an attempt whose new version of a plugin did badly before its first epoch was
// decided, or later when the old version could not be brought back while tasks run. The next attempt
// goes on with the old one.
type RollbackError struct {
	Plugin, Reason string
}

// Error names the plugin and what it did.
func (e *RollbackError) Error() string {
	return fmt.Sprintf("the new version of plugin %s %s", e.Plugin, e.Reason)
}

// switchboard is where the coordinator of the running attempt and the swapper meet.
type switchboard struct {
	history history
	changed chan struct{}  // of one: something below did
	orders  chan swapOrder // of one: busy keeps others out
	mu      struct {       // held for bookkeeping only
		sync.Mutex
		attempt *attempt // whose tasks run; nil between two
		trial   *trial   // nil for none
		busy    bool     // a swap is under way, and not yet proving itself
		again   bool     // the attempt ended for a version that is gone: no strategy is asked
	}
}

func newSwitchboard(now func() time.Time) *switchboard {
	return &switchboard{
		history: history{now: now},
		changed: make(chan struct{}, 1), orders: make(chan swapOrder, 1),
	}
}

func (s *switchboard) lock() func() {
	s.mu.Lock()
	return s.mu.Unlock
}

// notify wakes the swapper.
func (s *switchboard) notify() {
	select {
	case s.changed <- struct{}{}:
	default: // it has not looked since the last change
	}
}

// started tells that the tasks of a run.
func (s *switchboard) started(a *attempt) {
	defer s.lock()()
	s.mu.attempt = a
	s.notify()
}

// running returns the attempt whose tasks run, or nil.
func (s *switchboard) running() *attempt {
	defer s.lock()()
	return s.mu.attempt
}

// propose puts t before the coordinator of its attempt. It reports false when that is over.
func (s *switchboard) propose(t *trial) bool {
	defer s.lock()()
	if s.mu.attempt != t.attempt {
		return false
	}
	t.state = trialOffered
	s.mu.trial = t
	return true
}

// replace puts back in the place of t, which is condemned, like propose.
func (s *switchboard) replace(t, back *trial) bool {
	defer s.lock()()
	if s.mu.attempt != back.attempt || s.mu.trial != t || t.state != trialCondemned {
		return false
	}
	back.state = trialOffered
	s.mu.trial = back
	return true
}

// giveUp has attempt a end for t, which is condemned, because of cause: that the version before it
// does not come back while tasks run. It reports false when something else came first.
func (s *switchboard) giveUp(t *trial, a *attempt, cause error) bool {
	defer s.lock()()
	if s.mu.attempt != a || s.mu.trial != t || t.state != trialCondemned {
		return false
	}
	t.stuck = cause
	return true
}

// idle lets the next swap begin.
func (s *switchboard) idle() {
	defer s.lock()()
	s.mu.busy = len(s.orders) > 0
}

// settleFor lets the next swap begin although t still proves itself.
func (s *switchboard) settleFor(t *trial) {
	defer s.lock()()
	if t.state == trialProving {
		s.mu.busy = len(s.orders) > 0
	}
}

// settle ends the probation of t early.
func (s *switchboard) settle(t *trial) {
	defer s.lock()()
	if t.state == trialProving {
		t.state = trialSettled
	}
}

// drop forgets the trial; the swapper is done with it.
func (s *switchboard) drop() {
	defer s.lock()()
	s.mu.trial = nil
}

// view returns a copy of the trial's part that changes.
func (s *switchboard) view(t *trial) trial {
	defer s.lock()()
	return trial{
		state: t.state, first: t.first, reason: t.reason, wrong: t.wrong, backAt: t.backAt,
		blamed: t.blamed,
	}
}

// take returns the trial that is to begin with the epoch after e, or nil. What e names is collected
// by now: from here on the new version is the plugin's.
func (s *switchboard) take(a *attempt, e checkpoint.Epoch) *trial {
	defer s.lock()()
	t := s.mu.trial
	if t == nil || t.state != trialOffered || t.attempt != a {
		return nil
	}
	t.state, t.first, t.baseline = trialOn, e+1, t.old.health.Load()
	t.next.crashes.Reset()
	t.plugin.become(t.next)
	s.notify()
	return t
}

// verdict judges the version on trial after a task has reported epoch e. An error ends the attempt.
func (s *switchboard) verdict(e checkpoint.Epoch) error {
	defer s.lock()()
	t := s.mu.trial
	if t == nil || t.trusted || t.blamed || e < t.first {
		return nil
	}
	if t.state == trialCondemned && t.stuck != nil {
		t.blamed = true
		return &RollbackError{t.plugin.Name, fmt.Sprintf(
			"%s, and the version before needs a restart to come back: %v", t.reason, t.stuck)}
	}
	if t.state != trialOn && t.state != trialProving {
		return nil
	}
	reason := judge(t.baseline, t.next.health.Load(), t.plugin.Swap.ErrorBudget)
	if t.next.crashes.Spent() {
		reason = "spent its crash budget"
	}
	if reason == "" {
		return nil
	}
	t.reason, t.wrong = reason, e
	if t.state == trialOn {
		t.blamed = true
		return &RollbackError{t.plugin.Name, reason}
	}
	t.state = trialCondemned
	s.notify()
	return nil
}

// blames reports whether err, which ends an attempt, is a matter of the version on trial. Another
// attempt goes on without it, so nothing is final about it. e is the newest epoch that was ended.
func (s *switchboard) blames(err error, e checkpoint.Epoch) bool {
	defer s.lock()()
	t := s.mu.trial
	if t == nil {
		return false
	}
	bad := t.next
	switch {
	case t.trusted && (t.state == trialOffered || t.state == trialOn):
		bad = t.old // that is on its way out
	case !t.trusted && (t.state == trialOn || t.state == trialProving || t.state == trialCondemned):
	default:
		return false
	}
	var guest *operator.GuestError
	var record *task.RecordError
	var back *RollbackError
	switch {
	case errors.Is(err, context.Canceled): // it was stopped
		return false
	case errors.As(err, &back):
	case errors.As(err, &guest) && guest.Module == bad.module:
		t.reason = "failed: " + err.Error()
	case errors.As(err, &record) && t.plugin.works(record.Stage):
		t.reason = "failed: " + err.Error()
	default:
		return false
	}
	if t.blamed = true; t.wrong == 0 {
		t.wrong = e
	}
	return true
}

// works reports whether a function of the plugin works in a stage.
func (p *plugin) works(stage string) bool {
	for _, u := range p.uses {
		if u.step == stage {
			return true
		}
	}
	return false
}

// pending returns the version whose bytes have to be in the store before epoch e is decided, or
// nil.
func (s *switchboard) pending(e checkpoint.Epoch) *version {
	defer s.lock()()
	if t := s.mu.trial; t != nil && t.state == trialOn && t.first == e {
		return t.next
	}
	return nil
}

// decided counts a decided epoch, once.
func (s *switchboard) decided(e checkpoint.Epoch) {
	defer s.lock()()
	t := s.mu.trial
	if t == nil || e < t.first || e <= t.counted {
		return
	}
	t.counted = e
	switch t.state {
	case trialOn:
		s.prove(t)
	case trialProving:
		seen := t.next.health.Load().Records
		if seen == t.seen {
			return // an epoch without records proves nothing
		}
		t.seen = seen
		if t.left--; t.left <= 0 {
			t.state = trialSettled
		}
		s.notify()
	}
}

// prove begins the probation of a version whose first epoch stands. A version without a place to work
// in has nothing to prove itself with.
func (s *switchboard) prove(t *trial) {
	t.state, t.left, t.seen = trialProving, t.plugin.Swap.Probation, t.next.health.Load().Records
	if t.trusted || t.migrates || t.left == 0 || len(t.plugin.uses) == 0 {
		t.state = trialSettled
	}
	s.notify()
}

// over tells that an attempt has ended, whether its tasks ever ran or not.
func (s *switchboard) over(err error) {
	defer s.lock()()
	ran := s.mu.attempt != nil
	s.mu.attempt = nil
	t := s.mu.trial
	if t == nil {
		return
	}
	switch {
	case t.state == trialOffered && !t.trusted:
		t.state = trialStale
	case t.state == trialOffered || t.state == trialOn:
		t.state = trialUndecided
		if t.reason == "" && err != nil {
			t.reason = "was on trial when the attempt ended: " + err.Error()
		}
	}
	// A trial stays blamed until a claim: (1) its attempt ends, (2) the log is away for the next one,
	// (3) that one ends too, of which the trial is innocent.
	switch t.state {
	case trialUndecided, trialProving, trialCondemned:
		s.mu.again = t.blamed && ran
	}
	s.notify()
}

// retry reports, once, that the attempt ended for the sake of a trial.
func (s *switchboard) retry() bool {
	defer s.lock()()
	again := s.mu.again
	s.mu.again = false
	return again
}

// claimed settles what became of a trial whose attempt ended: the claim read what stands. epoch is
// the claim's, named the plugins of the last decided epoch.
func (s *switchboard) claimed(epoch checkpoint.Epoch, named []checkpoint.Module) {
	defer s.lock()()
	t := s.mu.trial
	if t == nil {
		return
	}
	if t.state == trialUndecided && t.trusted {
		// It worked before, and what it replaces does not, or is not wanted: it need not wait for
		// another epoch.
		t.state, t.first = trialSettled, epoch+1
		t.next.crashes.Reset()
		t.plugin.become(t.next)
		s.notify()
		return
	}
	if t.state == trialUndecided {
		stands := false
		for _, m := range named {
			stands = stands || m.Plugin == t.plugin.Name && t.next.is(m)
		}
		if stands && !t.blamed {
			s.prove(t)
			return
		}
	}
	if t.state == trialUndecided || t.state == trialCondemned || t.blamed && t.state == trialProving {
		t.state, t.backAt = trialLost, epoch+1
		t.plugin.become(t.old)
		s.notify()
	}
}
