package host

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/task"
)

// Status is what a running job tells of itself.
type Status struct {
	Job      string           `json:"job"`
	JobID    string           `json:"job_id,omitempty"`
	State    string           `json:"state"` // of the checkpoint protocol, or "restarting"
	Pause    PauseState       `json:"pause,omitempty"`
	Claim    uint64           `json:"claim,omitempty"`
	Epoch    checkpoint.Epoch `json:"epoch"` // the last published one
	Tasks    int              `json:"tasks"`
	Restarts int              `json:"restarts"`
	// CheckpointAge is the time since the last epoch was decided, or since the tasks started.
	CheckpointAge float64 `json:"checkpoint_age_seconds"`
	// CheckpointDuration is how long the last published epoch took, from the start of its commit.
	CheckpointDuration float64 `json:"checkpoint_duration_seconds"`
	// CheckpointFailures counts timeouts and refused decisions since the last decided epoch.
	CheckpointFailures int    `json:"checkpoint_failures"`
	LastError          string `json:"last_error,omitempty"`
	// Sources tells how far each source is, as of the last published epoch.
	Sources map[string]SourceStatus `json:"sources"`
	// Stages counts what every stage did since the job began: all decided epochs and what is
	// under way.
	Stages map[string]checkpoint.Count `json:"stages"`
	// At is when the status was taken; two of them give rates.
	At time.Time `json:"at"`

	decided time.Time
}

// SourceStatus is how far a source is.
type SourceStatus struct {
	Splits   int  `json:"splits"`   // known and not read to their end
	Finished bool `json:"finished"` // bounded, and read to its end
	// Lag is what is not read yet, in LagUnit; LagUnit is empty when the source cannot tell.
	Lag     int64  `json:"lag,omitempty"`
	LagUnit string `json:"lag_unit,omitempty"`
}

func sourceStatusOf(states []checkpoint.SourceState) map[string]SourceStatus {
	out := make(map[string]SourceStatus, len(states))
	for _, s := range states {
		out[s.Name] = SourceStatus{Splits: len(s.Splits), Finished: s.Finished}
	}
	return out
}

// measureLag asks the sources that can tell for their lag behind the decided positions. The caller
// goroutine does it after an epoch is published; nothing waits for it but the next epoch.
func (a *attempt) measureLag(ctx context.Context) {
	for _, state := range a.decided {
		run := a.source(state.Name)
		if run == nil {
			continue
		}
		r, ok := run.source.(connectors.LagReporter)
		if !ok {
			continue
		}
		amount, unit, err := r.Lag(ctx, state.Splits)
		if err != nil {
			a.e.cfg.Logger.Debug("measuring lag", "source", state.Name, "error", err)
			continue
		}
		s := a.nextProgress[state.Name]
		s.Lag, s.LagUnit = amount, unit
		a.nextProgress[state.Name] = s
	}
}

// Modules returns the guest code that the job runs.
func (e *Engine) Modules() []checkpoint.Module { return e.plugins.modules() }

// Status returns a copy of the current status, for any goroutine.
func (e *Engine) Status() Status {
	e.mu.Lock()
	s := e.mu.status
	s.Stages = maps.Clone(e.mu.counts)
	live := e.mu.live
	e.mu.Unlock()
	if s.Stages == nil {
		s.Stages = map[string]checkpoint.Count{}
	}
	for _, counters := range live {
		for name, c := range counters {
			s.Stages[name] = s.Stages[name].Add(c.Load())
		}
	}
	s.Pause = e.control.state()
	s.At = e.cfg.Now()
	if !s.decided.IsZero() {
		s.CheckpointAge = s.At.Sub(s.decided).Seconds()
	}
	return s
}

// Wait is where a task is that has not answered the epoch under way.
type Wait struct {
	Task  int
	Stage string // source, transform or sink; empty for a task that is between two of them
}

// Waits returns the tasks that the epoch under way waits for, for any goroutine. Most of the time
// there are none, or only for a moment.
func (e *Engine) Waits() []Wait {
	e.mu.Lock()
	defer e.mu.Unlock()
	return waitsOf(e.mu.missing, e.mu.live)
}

// waitsOf tells where the missing tasks are, by the counters of all tasks.
func waitsOf(missing []int, live []map[string]*task.Counters) []Wait {
	var waits []Wait
	for _, i := range missing {
		w := Wait{Task: i}
		for _, stage := range slices.Sorted(maps.Keys(live[i])) {
			if live[i][stage].Inside.Load() {
				w.Stage = stage
			}
		}
		waits = append(waits, w)
	}
	return waits
}

// blameTimeout names the stage that the first missing task was in when err, the timeout of an
// epoch, came up.
func blameTimeout(err error, waits []Wait) error {
	if errors.Is(err, checkpoint.ErrTimeout) {
		for _, w := range waits {
			if w.Stage != "" {
				return task.AtStage(w.Stage, err, "waiting for %s in task %d", w.Stage, w.Task)
			}
		}
	}
	return err
}

// publish brings the status up to date with the attempt. The coordinator calls it.
func (e *Engine) publish(a *attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &e.mu.status
	s.State = a.machine.State().String()
	if a.started {
		e.mu.ran = true
		s.JobID, s.Claim = a.jobID, a.log.Owner().Number
		s.decided = a.began.Add(a.machine.LastDecided())
		s.Sources = a.progress // replaced as a whole, never changed
		s.CheckpointFailures = a.machine.Failures()
	}
	if a.acknowledged > 0 {
		s.Epoch = a.acknowledged
		s.CheckpointDuration = a.duration.Seconds()
	}
	if a.started && e.mu.live == nil {
		e.mu.counts = a.counts
		for _, t := range a.tasks {
			e.mu.live = append(e.mu.live, t.counters)
		}
	}
	if e.mu.missing = nil; len(e.mu.live) > 0 {
		e.mu.missing = a.machine.Missing()
	}
}

// ended replaces the live counters of an attempt by what it decided: the rest will be read again.
func (e *Engine) ended(a *attempt, o checkpoint.Outcome, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.live, e.mu.missing = nil, nil
	e.control.rest(0)
	if a.counts != nil {
		e.mu.counts = a.counts
	}
	e.mu.status.State = o.String()
	if err != nil {
		e.mu.status.LastError = err.Error()
	}
}

func (e *Engine) restarting(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.status.Restarts++
	e.mu.status.State = "restarting"
	e.mu.status.LastError = err.Error()
}
