package simulation

import "github.com/wasmflow/wasmflow/checkpoint"

// controlOdds is how seldom somebody asks for a pause or for an epoch, in turns: seldom enough that
// most epochs are those of the interval.
const controlOdds = 60

// resumeOdds keeps a pause standing until it rests, more often than not.
const resumeOdds = 10

// control lists what people could ask for now. A pause is always ended some time, at the latest
// when nothing else can happen.
func (p *process) control(others int) []func() {
	var actions []func()
	if p.held && (others == 0 || p.w.chance(resumeOdds)) {
		actions = append(actions, func() {
			p.w.trace("p%d goes on", p.id)
			p.held = false
			p.step(checkpoint.Resume{})
		})
	}
	if p.w.chance(controlOdds) {
		actions = append(actions, func() {
			p.w.trace("p%d is to pause", p.id)
			p.held = true // first: what a task reads from now on would be in no epoch of the pause
			p.step(checkpoint.Pause{})
		}, func() {
			p.w.trace("p%d is asked for an epoch", p.id)
			p.step(checkpoint.Trigger{})
		})
	}
	return actions
}

// mayRead tells whether tasks may read now.
func (p *process) mayRead() bool { return !p.held || p.w.Bug == BugReadInPause }

// checkQuiet holds a group that says that it rests to what that means: whatever was read is in a
// decided epoch, and nothing is in a transaction or waits for one.
func (p *process) checkQuiet() {
	if !p.m.Quiet() {
		return
	}
	p.w.result.Rests++
	for _, t := range p.tasks {
		if t.unprepared > 0 || len(t.topic.stage) > 0 {
			p.w.fail("p%d rests in a pause, and task %d has read %d records since its last epoch", p.id,
				t.index, t.unprepared)
		}
	}
}
