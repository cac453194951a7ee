package checkpoint

import (
	"errors"
	"fmt"
)

// onFailed notes a failure from outside the protocol.
func (m *Machine) onFailed(ev Failed) {
	outcome := outcomeOf(ev.Err, ev.Fatal)
	switch m.state {
	case StateNew:
		m.unexpected(ev)
	case StateStopping, StateAborting:
		m.worsen(outcome, ev.Err)
	default:
		m.stop(outcome, ev.Err)
	}
}

// outcomeOf tells what an error means for the life of the process. The driver says whether it is
// fatal for reasons of its own.
func outcomeOf(err error, fatal bool) Outcome {
	if errors.Is(err, ErrFenced) {
		return Fenced
	}
	if fatal {
		return Fatal
	}
	for _, f := range [...]error{
		ErrLost, ErrCorrupt, ErrNewerFormat, ErrOtherJob, ErrBusy, ErrRefused,
	} {
		if errors.Is(err, f) {
			return Fatal
		}
	}
	return Restart
}

// stop begins the end: tasks are stopped, the call that is under way is waited for.
func (m *Machine) stop(outcome Outcome, err error) {
	m.state, m.outcome, m.err = StateStopping, outcome, err
	if m.tasksUp {
		m.emit(StopTasks{})
	}
	m.maybeEnd()
}

// worsen adds what went wrong on the way out. An epoch that is decided and published stays a
// success whatever a closing task says, unless the error is about ownership or lost output.
func (m *Machine) worsen(outcome Outcome, err error) {
	m.err = errors.Join(m.err, err)
	if outcome > Restart || m.outcome >= Restart {
		m.outcome = max(m.outcome, outcome)
	}
}

// inStopping waits. Answers of calls that were under way are heard for what they say about
// ownership; a decided epoch is left to Recover of the next claim.
func (m *Machine) inStopping(ev Event) {
	var (
		err   error
		fatal bool
	)
	switch ev := ev.(type) {
	case ClaimDone:
		m.answered(ev)
		err, fatal = ev.Err, ev.Fatal
	case RecoverDone:
		m.answered(ev)
		err, fatal = ev.Err, ev.Fatal
	case SettleDone:
		m.answered(ev)
		err, fatal = ev.Err, ev.Fatal
	case DecideDone:
		m.answered(ev)
		err, fatal = ev.Err, ev.Fatal
	case CommitDone:
		m.answered(ev)
		err, fatal = ev.Err, ev.Fatal
	case TasksStopped:
		if !m.tasksUp {
			m.unexpected(ev)
		}
		m.tasksUp = false
	default:
		// A report that was on its way: its output is thrown away with the others'.
		if !m.tasksUp || !m.take(ev) {
			m.unexpected(ev)
		}
	}
	if err != nil {
		m.worsen(outcomeOf(err, fatal), err)
	}
	m.maybeEnd()
}

func (m *Machine) answered(ev Event) {
	if !m.calling {
		m.unexpected(ev)
	}
	m.calling = false
}

// maybeEnd goes on once nothing is under way.
func (m *Machine) maybeEnd() {
	if m.tasksUp || m.calling {
		return
	}
	if cs := m.undecided(); len(cs) > 0 {
		m.state = StateAborting
		m.emit(Abort{Committables: cs})
		return
	}
	m.end()
}

// undecided returns the prepared output that may be thrown away now.
func (m *Machine) undecided() []Committable {
	// I2: once Decide was called only a later claim may discard. I6: a fenced owner never.
	if m.attempt.decideCalled || m.outcome == Fenced {
		return nil
	}
	var cs []Committable
	for _, r := range m.attempt.reports {
		if r != nil {
			cs = append(cs, r.Committables...)
		}
	}
	return cs
}

func (m *Machine) inAborting(ev Event) {
	if _, ok := ev.(AbortDone); !ok {
		m.unexpected(ev)
	}
	m.end()
}

func (m *Machine) end() {
	if m.err == nil && m.outcome > Stopped {
		panic(fmt.Sprintf("checkpoint: outcome %s without a cause", m.outcome))
	}
	m.state = StateEnded
	m.emit(End{Outcome: m.outcome, Err: m.err})
}
