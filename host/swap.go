package host

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/operator"
)

// Errors of Engine.Swap. They say that nothing was begun.
var (
	// ErrNoPlugin says that the job has no plugin of that name.
	ErrNoPlugin = errors.New("the job has no such plugin")
	// ErrSwapBusy says that another swap is under way; ask again when it is over.
	ErrSwapBusy = errors.New("another swap is under way")
	// ErrSwapRefused says that the request cannot be obeyed whatever the plugin is.
	ErrSwapRefused = errors.New("the swap is refused")
)

// What began a swap.
const (
	TriggerCommand = "command" // somebody asked for it
	TriggerFile    = "file"    // the plugin's file changed
	TriggerSignal  = "signal"  // the process was told to look at its files
	TriggerStart   = "start"   // the job file names another version than the last run ended with
)

// SwapRequest asks for another version of a plugin.
type SwapRequest struct {
	Plugin string `json:"-"`
	// Path is the new module: a path on the machine of the job, or what else a job file may name;
	// empty keeps the module.
	Path string `json:"path,omitempty" doc:"The new module: a path on the machine of the job, or what else a job file may name; empty keeps the module."`
	// Signature is where its signature is, for a plugin with public_key; empty is the usual place.
	Signature string `json:"signature,omitempty" doc:"Where its signature is, for a plugin with public_key; empty is the usual place."`
	// SHA256 is the digest that the module must have; empty is any, unless the job file pins one.
	SHA256 string `json:"sha256,omitempty" doc:"Hex digest that the module must have; required where the job file pins one."`
	// Config is the new configuration; empty keeps the one in use.
	Config json.RawMessage `json:"config,omitempty" doc:"The new configuration; without it the one in use stays."`
	// ExpectSame refuses a version that treats any record of the trial differently.
	ExpectSame bool `json:"expect_same,omitempty" doc:"Refuses a version that treats any record of the trial differently."`
	// Back asks for the version that ran before; Path, SHA256 and Config mean nothing then.
	Back    bool   `json:"back,omitempty" doc:"Takes the version that ran before; path, sha256 and config mean nothing then."`
	Trigger string `json:"-"`
}

// SwapState is how far a swap is.
//
//	loading --> comparing --> opening --> waiting --> trial --> probation --> done
//	   |            |            |          |           |           |
//	   +------------+------------+----------+        returned <-----+
//	                   refused
//
// Until trial nothing of the new version has touched the job. In trial it works on an epoch that is
// not decided; from probation on it has produced decided epochs.
type SwapState string

// The states.
const (
	SwapLoading   SwapState = "loading"
	SwapComparing SwapState = "comparing"
	SwapOpening   SwapState = "opening"
	SwapWaiting   SwapState = "waiting" // for the end of an epoch
	SwapTrial     SwapState = "trial"
	SwapProbation SwapState = "probation"
	SwapDone      SwapState = "done"
	SwapRefused   SwapState = "refused"
	SwapReturned  SwapState = "returned" // the old version is back
)

// Values lists the states, for schemas.
func (SwapState) Values() []string {
	return []string{
		string(SwapLoading), string(SwapComparing), string(SwapOpening), string(SwapWaiting),
		string(SwapTrial), string(SwapProbation), string(SwapDone), string(SwapRefused),
		string(SwapReturned),
	}
}

// Over reports whether nothing more will come of the swap.
func (s SwapState) Over() bool { return s == SwapDone || s == SwapRefused || s == SwapReturned }

// Version is a version of a plugin as people and the API are told.
type Version struct {
	SHA256  string          `json:"sha256"`
	Config  json.RawMessage `json:"config,omitempty"`
	Path    string          `json:"path,omitempty"`    // as it was loaded from
	Version string          `json:"version,omitempty"` // what the plugin says of itself
	// StateVersion numbers the form of its state. A swap to another one has no way back once its
	// first epoch is decided, unless the version before can take over in turn.
	StateVersion uint32 `json:"state_version,omitempty" doc:"Form of the plugin's state; another one has to be taken over."`
}

// Swap is the story of one swap.
type Swap struct {
	ID      uint64     `json:"id"`
	Plugin  string     `json:"plugin"`
	Trigger string     `json:"trigger"`
	State   SwapState  `json:"state"`
	From    Version    `json:"from"`
	To      *Version   `json:"to,omitempty" doc:"Once it is loaded."`
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty"`
	// First is the first epoch that the new version works on.
	First checkpoint.Epoch `json:"first_epoch,omitempty" doc:"The first epoch that the new version works on."`
	// Wrong is the epoch in which the new version turned out to be broken; where it ended the job's
	// attempt, it may have been the one after.
	Wrong checkpoint.Epoch `json:"wrong_epoch,omitempty" doc:"The epoch in which the new version turned out to be broken."`
	// Back is the first epoch after the new version was given up.
	Back       checkpoint.Epoch     `json:"back_epoch,omitempty" doc:"The first epoch after the new version was given up."`
	Comparison *operator.Comparison `json:"comparison,omitempty" doc:"How both versions did on the same live records."`
	Reason     string               `json:"reason,omitempty" doc:"Why it was refused or returned."`
}

// PluginStatus is what runs of a plugin, and what ran.
type PluginStatus struct {
	Plugin  string          `json:"plugin"`
	Current Version         `json:"current"`
	Vitals  operator.Vitals `json:"vitals" doc:"Of the current version, in this process."`
	// CrashBudget is that of the current version.
	CrashBudget operator.CrashStatus `json:"crash_budget"`
	// CapturesSkipped counts failures that were not captured: there are enough like them.
	CapturesSkipped uint64 `json:"captures_skipped,omitempty" doc:"Failures that were not captured, because there are enough like them or were too many in a second."`
	// Swaps are the newest swaps, the last one last.
	Swaps []Swap `json:"swaps" doc:"The newest swaps, the last one last."`
}

// swapsKept bounds the history: what somebody looks for is among the last ones.
const swapsKept = 50

// history is the story of the swaps of a process. Any goroutine may use it.
type history struct {
	now func() time.Time
	mu  struct {
		sync.Mutex
		last   uint64
		list   []Swap
		counts map[SwapState]uint64 // of swaps that are over
	}
}

func (h *history) begin(plugin, trigger string, from Version) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.last++
	h.mu.list = append(h.mu.list, Swap{
		ID: h.mu.last, Plugin: plugin, Trigger: trigger, State: SwapLoading, From: from, Began: h.now(),
	})
	h.mu.list = h.mu.list[max(0, len(h.mu.list)-swapsKept):]
	return h.mu.last
}

// update changes an entry; one that was forgotten stays so. The end is noted once.
func (h *history) update(id uint64, change func(*Swap)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := slices.IndexFunc(h.mu.list, func(s Swap) bool { return s.ID == id })
	if i < 0 {
		return
	}
	s := &h.mu.list[i]
	was := s.State
	change(s)
	if s.State.Over() && !was.Over() {
		now := h.now()
		s.Ended = &now
		if h.mu.counts == nil {
			h.mu.counts = map[SwapState]uint64{}
		}
		h.mu.counts[s.State]++
	}
}

// of returns the swaps of a plugin, oldest first.
func (h *history) of(plugin string) []Swap {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := []Swap{}
	for _, s := range h.mu.list {
		if s.Plugin == plugin {
			out = append(out, s)
		}
	}
	return out
}

// count returns how many swaps ended in a state.
func (h *history) count(s SwapState) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.counts[s]
}

// Plugins returns what runs, for any goroutine.
func (e *Engine) Plugins() []PluginStatus {
	out := make([]PluginStatus, 0, len(e.plugins.list))
	for _, p := range e.plugins.list {
		v := p.current()
		out = append(out, PluginStatus{
			Plugin: p.Name, Current: v.name(), Vitals: v.health.Load(), Swaps: e.swaps.history.of(p.Name),
			CrashBudget: v.crashes.Status(e.cfg.Now()), CapturesSkipped: p.skipped(),
		})
	}
	return out
}
