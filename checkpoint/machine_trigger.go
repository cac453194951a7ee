package checkpoint

// Quiet reports whether the group is paused and every epoch that was asked for is committed.
func (m *Machine) Quiet() bool { return m.paused && !m.asked && m.state == StateRunning }

// resume lets epochs begin by themselves. The work of the next one starts now, and so does its
// interval. An epoch that Pause asked for still comes: somebody may wait for it.
func (m *Machine) resume() {
	if m.paused {
		m.paused, m.triggerAt = false, m.now+m.cfg.Interval
	}
}

// maybeTrigger starts an epoch when it is time, or at once when it is asked for or the last one.
func (m *Machine) maybeTrigger() {
	due := m.cfg.Interval > 0 && m.now >= m.triggerAt && !m.paused
	if !due && !m.ending && !m.asked {
		return
	}
	m.state, m.asked = StatePreparing, false
	m.deadline = m.now + m.cfg.Timeout
	a := &m.attempt
	a.final, a.startedAt = m.ending, m.now
	a.collected, a.reports = nil, make([]*Report, m.cfg.Parallelism)
	a.missing = m.cfg.Parallelism + 1
	m.emit(Prepare{Epoch: a.epoch, Final: a.final})
}
