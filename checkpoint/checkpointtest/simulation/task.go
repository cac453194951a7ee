package simulation

import (
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// batchMax is the most records that a task reads at once.
const batchMax = 6

// pool is what the coordinator knows of the source.
type pool struct {
	p          *process
	round      int // enumerations so far
	done       bool
	unassigned []checkpoint.Split
}

func newPool(p *process, m checkpoint.Manifest) *pool {
	out := &pool{p: p}
	for _, s := range m.Sources {
		out.unassigned = slices.Clone(s.Splits)
		if !s.Enumerator.IsZero() {
			out.round = parsePosition(s.Enumerator)
		}
	}
	out.done = out.round >= p.w.rounds
	if p.w.Bug == BugRestartWithoutClaim {
		for i, s := range out.unassigned {
			if n, ok := p.memory[s.ID]; ok {
				out.unassigned[i].Position = position(n)
			}
		}
	}
	return out
}

// enumerate finds the splits of the next round.
func (o *pool) enumerate() {
	for _, s := range o.p.w.splits {
		if s.round == o.round {
			o.unassigned = append(o.unassigned, checkpoint.Split{ID: s.id, Position: position(0)})
		}
	}
	o.round++
	o.done = o.round >= o.p.w.rounds
}

// progress is the coordinator's part of an epoch.
func (o *pool) progress() checkpoint.SourceProgress {
	unassigned := slices.Clone(o.unassigned)
	if o.p.w.Bug == BugForgetFoundSplits && len(unassigned) > 0 {
		unassigned = unassigned[:len(unassigned)-1]
	}
	return checkpoint.SourceProgress{
		Name: source, Enumerator: position(o.round), Unassigned: unassigned, Done: o.done,
	}
}

// command is what a task is asked to do, in order.
type command struct {
	add         *checkpoint.Split
	prepare     checkpoint.Epoch
	final       bool
	silent      bool // for BugDecideEarly: somebody else has answered
	acknowledge checkpoint.Epoch
	stop        bool
}

// reading is a split that a task reads, at its next record.
type reading struct {
	split *split
	next  int
}

// task is the model of one task: a queue of commands, splits, a writer.
type task struct {
	p         *process
	index     int
	queue     []command
	reading   []*reading
	finished  map[string]int // of the epoch in progress, for acknowledgements
	writer    *writer
	topic     *topicWriter
	snapshots map[checkpoint.Epoch]map[string]int
	final     bool // has prepared the final epoch
	// unprepared counts the records that were read since the last Prepare.
	unprepared int
	broken     bool
	stopped    bool
}

func (t *task) canWork() bool {
	return !t.stopped && (len(t.queue) > 0 || t.canRead())
}

func (t *task) canRead() bool {
	return len(t.reading) > 0 && !t.final && !t.broken && t.p.mayRead()
}

// work obeys the next command or reads a batch.
func (t *task) work() {
	if len(t.queue) > 0 && (!t.canRead() || t.p.w.chance(2)) {
		c := t.queue[0]
		t.queue = t.queue[1:]
		t.obey(c)
		return
	}
	if t.canRead() {
		t.read(t.reading[t.p.w.rng.IntN(len(t.reading))])
	}
}

func (t *task) obey(c command) {
	switch {
	case c.stop:
		t.stop()
	case t.broken:
	case c.add != nil:
		t.add(*c.add)
	case c.prepare != 0:
		t.prepare(c)
	case c.acknowledge != 0:
		t.acknowledge(c.acknowledge)
	}
}

func (t *task) add(s checkpoint.Split) {
	r := &reading{split: t.p.w.split(s.ID), next: parsePosition(s.Position)}
	t.reading = append(t.reading, r)
	t.dropRead()
}

// dropRead forgets the splits that are read to their end.
func (t *task) dropRead() {
	t.reading = slices.DeleteFunc(t.reading, func(r *reading) bool {
		if r.next < r.split.records {
			return false
		}
		if t.finished == nil {
			t.finished = map[string]int{}
		}
		t.finished[r.split.id] = r.next
		return true
	})
}

// read moves a batch from a split to the sink. What was acknowledged is gone from the input: an
// owner that sleeps through a takeover meets that and is fenced later, any other loses records.
func (t *task) read(r *reading) {
	r.next = max(r.next, r.split.acknowledged)
	for range min(1+t.p.w.rng.IntN(batchMax), r.split.records-r.next) {
		if err := t.write(r.split.id, r.next); err != nil {
			t.breakDown(err)
			return
		}
		r.next++
		t.unprepared++
	}
	t.p.memory[r.split.id] = r.next
	t.dropRead()
}

// write gives a record to its sink: one half of them goes to a topic when the log has transactions.
func (t *task) write(id string, seq int) error {
	if t.p.logName == topicLog && seq/7%buckets == 1 {
		t.topic.write(id, seq)
		return nil
	}
	return t.writer.write(id, seq)
}

func (t *task) breakDown(err error) {
	t.broken = true
	if !t.p.dead {
		t.p.later(checkpoint.Failed{Err: err})
	}
}

// report is the part of the task in an epoch, without its output.
func (t *task) report(e checkpoint.Epoch) checkpoint.Report {
	r := checkpoint.Report{Task: t.index, Epoch: e, Splits: map[string][]checkpoint.Split{}}
	for _, reading := range t.reading {
		n := reading.next
		switch {
		case t.p.w.Bug == BugPositionAhead:
			n++
		case t.p.w.Bug == BugPositionBehind && n > 0:
			n--
		}
		r.Splits[source] = append(r.Splits[source],
			checkpoint.Split{ID: reading.split.id, Position: position(n)})
	}
	return r
}

func (t *task) prepare(c command) {
	report := t.report(c.prepare)
	positions := t.finished
	t.finished = nil
	if positions == nil {
		positions = map[string]int{}
	}
	for _, r := range t.reading {
		positions[r.split.id] = r.next
	}
	t.snapshots[c.prepare] = positions
	committables, err := t.writer.prepare(c.prepare)
	if err != nil {
		t.breakDown(err)
		return
	}
	report.Committables = committables
	t.topic.epoch, t.unprepared = c.prepare+1, 0
	t.final = c.final
	if !c.silent {
		t.p.later(checkpoint.Prepared{Report: report})
	}
	if t.p.w.Bug == BugAcknowledgeEarly {
		t.acknowledge(c.prepare)
	}
}

// acknowledge lets the input go up to where the epoch read it.
func (t *task) acknowledge(e checkpoint.Epoch) {
	for id, n := range t.snapshots[e] {
		s := t.p.w.split(id)
		s.acknowledged = max(s.acknowledged, n)
	}
	delete(t.snapshots, e)
}

func (t *task) stop() {
	t.writer.close()
	t.stopped = true
	for _, other := range t.p.tasks {
		if !other.stopped {
			return
		}
	}
	t.p.later(checkpoint.TasksStopped{})
}
