package host

import (
	"context"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host/task"
)

// settles reports whether a sink wants to see every epoch before it is decided.
func (a *attempt) settles() bool {
	for _, s := range a.sinks {
		if settler, ok := s.committer.(checkpoint.Settler); ok && settler.Settles() {
			return true
		}
	}
	return false
}

// settle has the sinks that hold output back say what an epoch publishes. What the others prepared
// is passed on. Nothing that an earlier epoch names is removed before this one is decided, so it
// may be given up half-way.
func (a *attempt) settle(ctx context.Context, s checkpoint.Settle) checkpoint.Event {
	done := checkpoint.SettleDone{Epoch: s.Epoch}
	for _, run := range a.sinks {
		cs := committablesOf(s.Committables, run.name)
		settler, ok := run.committer.(checkpoint.Settler)
		if !ok || !settler.Settles() {
			done.Committables = append(done.Committables, cs...)
			continue
		}
		publish, hold, err := settler.Settle(ctx, s.Epoch, s.Final, cs)
		if err != nil {
			done.Err = task.AtStage(run.name, err, "settling output of %s", run.name)
			done.Fatal = isFatal(err)
			return done
		}
		done.Committables = append(done.Committables, publish...)
		done.Held = append(done.Held, hold...)
	}
	return done
}
