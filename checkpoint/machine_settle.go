package checkpoint

import "fmt"

// settle asks the sinks what the epoch publishes of what was prepared and what it holds back.
func (m *Machine) settle() {
	a := &m.attempt
	m.state, m.calling = StateSettling, true
	m.emit(Settle{Epoch: a.epoch, Final: a.final, Committables: a.manifest.Committables})
}

// inSettling waits for what the sinks make of the prepared output. Nothing that they joined for an
// epoch which is then not decided is named anywhere: it stays a stray, and what went into it stays.
func (m *Machine) inSettling(ev Event) {
	done, ok := ev.(SettleDone)
	if !ok {
		m.unexpected(ev)
	}
	m.calling = false
	if done.Err != nil {
		m.stop(outcomeOf(done.Err, done.Fatal),
			fmt.Errorf("settling epoch %d: %w", m.attempt.epoch, done.Err))
		return
	}
	for i := range done.Committables {
		done.Committables[i].Epoch = m.attempt.epoch
	}
	m.attempt.manifest.Committables = done.Committables
	m.attempt.manifest.Held = done.Held
	m.decide()
}
