package operator

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/wasmflow/wasmflow/connectors"
)

// CrashPolicy says what happens to records once a plugin has spent its crash budget.
type CrashPolicy string

// The policies, named as in job files.
const (
	CrashFail       CrashPolicy = "fail"        // the job fails for good
	CrashDeadLetter CrashPolicy = "dead-letter" // each record is a fault, and the guest is not called
	CrashPass       CrashPolicy = "pass"        // a transform hands records on as they are
)

// CrashLimits are how often a plugin may trap, and what follows. Traps of 0 is no limit.
type CrashLimits struct {
	Traps  int
	Within time.Duration
	Policy CrashPolicy
}

// CrashBudget counts the traps of a plugin, over all tasks and functions, in a window of time. Once
// as many fell into it as the limits allow the budget is spent, and stays so until Reset. All
// methods may be called from any goroutine, and on a nil budget, which is never spent.
type CrashBudget struct {
	plugin   string
	limits   CrashLimits
	spent    atomic.Bool
	bypassed atomic.Uint64

	mu struct { // held for bookkeeping only
		sync.Mutex
		times []time.Time // of the traps in the window, oldest first, at most limits.Traps
		since time.Time   // when the budget was spent
		last  lastTrap
	}
}

// lastTrap is the newest trap of a budget.
type lastTrap struct{ function, reason string }

// NewCrashBudget returns the budget of a plugin, named as in the job file.
func NewCrashBudget(plugin string, l CrashLimits) *CrashBudget {
	return &CrashBudget{plugin: plugin, limits: l}
}

// Spent reports whether the policy holds.
func (b *CrashBudget) Spent() bool { return b != nil && b.spent.Load() }

// Reset begins anew: another version of the plugin takes up the work.
func (b *CrashBudget) Reset() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.times, b.mu.since, b.mu.last = nil, time.Time{}, lastTrap{}
	b.bypassed.Store(0)
	b.spent.Store(false)
}

// trap counts a trap. It reports true to the one whose trap spends the budget.
func (b *CrashBudget) trap(now time.Time, function, reason string) bool {
	if b == nil || b.limits.Traps == 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent.Load() {
		return false // a call that was under way in another task
	}
	b.mu.last = lastTrap{function, reason}
	b.mu.times = append(b.window(now), now)
	if len(b.mu.times) < b.limits.Traps {
		return false
	}
	b.mu.since = now
	b.spent.Store(true)
	return true
}

// window drops the traps that are too old to count. The caller holds mu.
func (b *CrashBudget) window(now time.Time) []time.Time {
	times := b.mu.times
	for len(times) > 0 && now.Sub(times[0]) > b.limits.Within {
		times = times[1:]
	}
	return times
}

// err says why the job fails.
func (b *CrashBudget) err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	// The plugin would do the same to the same records, so another attempt would end here again.
	return connectors.Permanent(&CrashBudgetError{
		Plugin: b.plugin, Traps: b.limits.Traps, Within: b.limits.Within,
		Function: b.mu.last.function, Reason: b.mu.last.reason,
	})
}

// CrashStatus is how a budget stands at one moment.
type CrashStatus struct {
	Traps  int         `json:"traps"` // that the budget allows in the window; 0 is no limit
	Within string      `json:"within"`
	Policy CrashPolicy `json:"policy"`
	Used   int         `json:"used"` // traps in the window
	// Spent tells that the policy holds, since Since.
	Spent bool       `json:"spent"`
	Since *time.Time `json:"since,omitempty"`
	// Bypassed are the records that the guest was not called for since then.
	Bypassed uint64 `json:"bypassed"`
	LastTrap string `json:"last_trap,omitempty"`
}

// Status tells how the budget stands at now.
func (b *CrashBudget) Status(now time.Time) CrashStatus {
	if b == nil {
		return CrashStatus{}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := CrashStatus{
		Traps: b.limits.Traps, Within: b.limits.Within.String(), Policy: b.limits.Policy,
		Used: len(b.mu.times), Spent: b.spent.Load(), Bypassed: b.bypassed.Load(),
	}
	if s.Spent {
		since := b.mu.since
		s.Since = &since
	} else {
		s.Used = len(b.window(now))
	}
	if b.mu.last.reason != "" {
		s.LastTrap = b.mu.last.function + ": " + b.mu.last.reason
	}
	return s
}

// crashed counts a trap of the running batch and says, once, that it was one too many.
func (r *runner) crashed(reason string) {
	b := r.cfg.Crashes
	if b.trap(r.cfg.Now(), r.spec.Name, reason) {
		r.cfg.Logger.Error("a plugin has spent its crash budget", "step", r.cfg.Step,
			"module", r.cfg.Module.SHA256(), "traps", b.limits.Traps, "within", b.limits.Within,
			"policy", b.limits.Policy, "setting", crashKey(b.plugin), "reason", reason)
	}
}

// bypass deals with the records of s without calling the guest, as the policy of the budget says.
func (r *runner) bypass(s span) error {
	b := r.cfg.Crashes
	if b.limits.Policy == CrashFail {
		return b.err()
	}
	passing, pass := r.taker.(*records)
	pass = pass && b.limits.Policy == CrashPass
	text := ""
	if !pass {
		text = b.err().Error()
	}
	for i := s.from; i < s.to; i++ {
		if pass {
			passing.pass(r.in, i)
			continue
		}
		r.report(i, connectors.Fault{Text: text, Bypassed: true})
	}
	r.bypassed += s.len()
	b.bypassed.Add(uint64(s.len()))
	return nil
}
