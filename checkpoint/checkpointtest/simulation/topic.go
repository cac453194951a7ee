package simulation

import (
	"fmt"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
)

// staged is a record that waits for the transaction of its epoch.
type staged struct {
	id  string
	seq int
}

// topicWriter is the model of a sink that joins the log's transaction: what a task writes between
// its Prepare of an epoch and the beginning of the next transaction waits.
type topicWriter struct {
	p     *process
	epoch checkpoint.Epoch // that the task's records belong to
	stage []staged
}

func (w *topicWriter) write(id string, seq int) {
	tx := w.p.tx
	open := tx != nil && tx.Open()
	switch {
	case open && tx.Epoch() == w.epoch:
		w.produce(tx, id, seq)
	case open && w.p.w.Bug == BugStageIntoOld:
		w.produce(tx, id, seq)
	default:
		w.p.w.result.Staged++
		w.stage = append(w.stage, staged{id, seq})
	}
}

func (w *topicWriter) produce(tx *broker.Tx, id string, seq int) {
	tx.Produce(outTopic, []byte(fmt.Sprintf("%s:%d", id, seq)))
}

// release puts what waited into the transaction that has begun.
func (w *topicWriter) release(tx *broker.Tx) {
	if tx.Epoch() != w.epoch {
		return
	}
	for _, r := range w.stage {
		w.produce(tx, r.id, r.seq)
	}
	w.stage = nil
}

// began hands the transaction of an epoch to the tasks.
func (p *process) began(tx checkpoint.Tx) {
	p.tx, _ = tx.(*broker.Tx) // nil for a log without transactions
	if p.tx == nil {
		return
	}
	for _, t := range p.tasks {
		t.topic.release(p.tx)
	}
	for _, r := range p.leftover {
		p.tx.Produce(outTopic, []byte(fmt.Sprintf("%s:%d", r.id, r.seq)))
	}
	p.leftover = nil
}

// dropStages ends an attempt: what waits belongs to an epoch that is done again.
func (p *process) dropStages() {
	for _, t := range p.tasks {
		if p.w.Bug == BugKeepStages {
			p.leftover = append(p.leftover, t.topic.stage...)
		}
		t.topic.stage = nil
	}
	p.tx = nil
}

// onRequest comes before every request to the broker.
func (p *process) onRequest(c broker.Call) broker.Fault {
	p.pause()
	w := p.w
	switch {
	case p.dead:
		return broker.Fault{Err: errKilled}
	case w.result.Steps < w.awayUntil:
		p.disturbed = true
		return broker.Fault{Err: broker.ErrAway}
	}
	w.dozeOff(p, c)
	if w.faults == 0 || !w.chance(60) {
		return broker.Fault{}
	}
	w.faults--
	w.result.Faults++
	p.disturbed = true
	f := broker.Fault{Err: broker.ErrAway, Done: w.chance(3), Late: w.chance(2)}
	if f.Late {
		w.result.LateRequests++
	}
	w.trace("p%d: %s fails, done: %v, late: %v", p.id, c, f.Done && !f.Late, f.Late)
	return f
}

// dozeOff lets a process fall asleep at the requests around which a takeover hurts most.
func (w *world) dozeOff(p *process, c broker.Call) {
	if c != broker.CallProduce && w.faults > 0 && w.chance(25) {
		w.faults--
		w.sleep(p)
	}
}

// brokerSteps lets the broker do what was still to come, or go away for a while.
func (w *world) brokerSteps() {
	w.clock += turnTime
	if w.chance(3) {
		if done := w.cluster.Step(w.rng.IntN, w.cluster.Late() > 0 && w.chance(20)); done != "" {
			w.trace("broker: %s", done)
		}
	}
	if w.faults > 0 && w.chance(400) {
		w.faults--
		w.result.Outages++
		w.awayUntil = w.result.Steps + 1 + w.rng.IntN(2*int(transactionTimeout/turnTime))
		w.trace("broker is away until step %d", w.awayUntil)
	}
}

// fenced notes that a process fenced all others, and judges whether it might: a process that was
// told that another one fenced it must give that one the time to claim (T6).
func (w *world) fenced(p *process) {
	f := w.fencer
	cut := f.p != nil && f.p != p && f.over == p.id && p.toldFenced && !f.claimed
	// A request of its own that arrives late can have fenced the other one, too: then both wait.
	if cut && !f.p.toldFenced && !f.p.dead && !f.p.disturbed && f.p.asleep == 0 && w.isAlive(f.p) {
		w.fail("p%d and p%d fence each other", p.id, f.p.id)
	}
	over := 0
	if f.p != nil {
		over = f.p.id
	}
	p.disturbed, p.toldFenced = p.asleep > 0, false
	w.fencer = fence{p: p, over: over}
	w.trace("p%d has fenced p%d", p.id, over)
}

func (w *world) isAlive(p *process) bool {
	for _, q := range w.alive {
		if q == p {
			return true
		}
	}
	return false
}

// loseTopic takes the commits away while nothing runs, as an operator does who deletes a topic; he
// brings it back when the job refuses to start without.
func (w *world) loseTopic() {
	if w.logs != topicOnly || w.faults == 0 || w.lost != nil || !w.chance(4) ||
		w.cluster.Open(transactional) || len(w.cluster.Committed(commits)) == 0 {
		return
	}
	w.faults--
	w.result.TopicsLost++
	lost := w.cluster.Take(commits)
	w.lost = &lost
	w.trace("the topic of the commits is gone")
}

// bringBack answers a job that refuses to start without the topic; true is that it had reason to.
func (w *world) bringBack(err error) bool {
	if w.result.TopicsLost == 0 || !strings.Contains(err.Error(), "bring the topic back") {
		return false
	}
	if w.lost != nil {
		w.cluster.Restore(commits, *w.lost)
		w.lost = nil
		w.trace("the topic of the commits is back")
	}
	return true
}

// settleBroker lets everything happen that was still to come, and judges that nothing is left open:
// a transaction that hangs would hold back readers for ever.
func (w *world) settleBroker() {
	for w.cluster.Late() > 0 {
		w.cluster.Step(w.rng.IntN, true)
	}
	w.clock += 2 * transactionTimeout
	for w.cluster.Step(w.rng.IntN, false) != "" {
	}
	if w.cluster.Open(transactional) {
		w.fail("a transaction is open for ever")
	}
	if len(w.cluster.Committed(outTopic)) != len(w.cluster.Decided(outTopic)) {
		w.fail("readers of the topic are held back for ever")
	}
}
