package host

import (
	"context"
	"fmt"
	"sync"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
)

// PauseState is how far a pause is.
type PauseState string

// The states.
const (
	NotPaused PauseState = ""
	// Pausing: no source is polled, and what was read before is on its way into an epoch.
	Pausing PauseState = "pausing"
	// Paused: all that was read is published, and no transaction is open.
	Paused PauseState = "paused"
)

// control is what people ask of a running job beside its end. It outlives attempts, not the
// process.
type control struct {
	gate    task.Gate                    // of the tasks
	changed chan struct{}                // of one: something below did
	asks    chan chan<- checkpoint.Epoch // for an epoch now; 0 answers that none comes
	mu      struct {                     // the gate moves with it
		sync.Mutex
		paused bool
		pauses uint64 // how often a pause was asked for
		quiet  uint64 // the one after which the coordinator came to rest
	}
}

func newControl() *control {
	return &control{
		changed: make(chan struct{}, 1), asks: make(chan chan<- checkpoint.Epoch),
	}
}

// notify wakes the coordinator.
func (c *control) notify() {
	select {
	case c.changed <- struct{}{}:
	default: // it has not looked since the last change
	}
}

// wanted returns whether the job is to be paused, and the number of that pause.
func (c *control) wanted() (paused bool, number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.paused, c.mu.pauses
}

// rest notes that everything is quiet since a pause, or with 0 that it is not.
func (c *control) rest(number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.quiet = number
}

// state tells how far a pause is. A pause that the coordinator has not heard of is not quiet:
// (1) the job rests, (2) Resume lets a task read, (3) Pause comes again before the coordinator
// looks.
func (c *control) state() PauseState {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.mu.paused:
		return NotPaused
	case c.mu.quiet == c.mu.pauses:
		return Paused
	}
	return Pausing
}

// Pause stops the reading of all sources, publishes what they have read and then begins no epoch:
// a log with transactions has none open that could time out. The state is kept over restarts of
// attempts and ends with Resume or with the process. It may be called at any time and more than
// once.
func (e *Engine) Pause() {
	c := e.control
	c.mu.Lock()
	was := c.mu.paused
	c.mu.paused = true
	c.mu.pauses++
	c.gate.Shut()
	c.mu.Unlock()
	c.notify()
	if !was {
		e.cfg.Logger.Info("the job is paused by a request")
	}
}

// Resume ends a Pause. It may be called at any time and more than once.
func (e *Engine) Resume() {
	c := e.control
	c.mu.Lock()
	was := c.mu.paused
	c.mu.paused = false
	c.gate.Open()
	c.mu.Unlock()
	c.notify()
	if was {
		e.cfg.Logger.Info("the job goes on after a pause")
	}
}

// Checkpoint begins an epoch now, or as soon as the one in progress is published, and returns its
// number. Everything that was read before the call is published with that epoch or, where the job
// restarts meanwhile, with a later one. It waits for a job that starts or restarts until ctx ends;
// that, and a job that is ending, is ErrNotRunning.
func (e *Engine) Checkpoint(ctx context.Context) (checkpoint.Epoch, error) {
	answer := make(chan checkpoint.Epoch, 1)
	select {
	case e.control.asks <- answer:
	case <-ctx.Done():
		return 0, fmt.Errorf("asking for an epoch: %w: its tasks have not started", ErrNotRunning)
	}
	epoch := <-answer // the coordinator answers whatever it takes, at once
	if epoch == 0 {
		return 0, fmt.Errorf("asking for an epoch: %w: the last one is on its way", ErrNotRunning)
	}
	return epoch, nil
}

// heed does what was asked of the job meanwhile. A pause stands until the process ends, so every
// attempt begins with a look.
func (a *attempt) heed(ctx context.Context) {
	switch paused, number := a.e.control.wanted(); {
	case !paused:
		a.step(ctx, checkpoint.Resume{})
	case number != a.pause:
		a.pause, a.cause = number, CausePause
		a.step(ctx, checkpoint.Pause{})
	}
}

// asks returns where requests for epochs come from while there can be any.
func (a *attempt) asks() <-chan chan<- checkpoint.Epoch {
	if !a.started || a.stopping {
		return nil
	}
	return a.e.control.asks
}

// trigger begins an epoch for somebody who waits to hear its number.
func (a *attempt) trigger(ctx context.Context, answer chan<- checkpoint.Epoch) {
	under := a.machine.State() != checkpoint.StateRunning // an epoch is; its tasks may be past it
	if under && a.preparing.Final {
		answer <- 0
		return
	}
	a.cause = CauseRequest
	a.step(ctx, checkpoint.Trigger{})
	epoch := a.machine.Epoch()
	if under {
		epoch++
	}
	answer <- epoch
}

// tellRest notes whether the attempt rests in a pause.
func (a *attempt) tellRest() {
	if a.machine.Quiet() {
		a.e.control.rest(a.pause)
	} else {
		a.e.control.rest(0)
	}
}
