package simulation

import (
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/checkpointtest/broker"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

const (
	// turnTime passes with every turn of a process.
	turnTime = time.Millisecond
	// attemptsMax bounds the restarts within a process; after that it exits.
	attemptsMax = 4
)

// process is the model of `wasmflow run`: a driver of the machine with its tasks, as a coroutine.
type process struct {
	w           *world
	id          int
	parallelism int
	next        func() (struct{}, bool)
	stop        func()
	yield       func(struct{}) bool
	dead        bool
	asleep      int // steps

	fs       filesystem.FileSystem // of the sink
	logName  string
	log      jobLog
	retain   int
	deciding bool
	logTime  time.Duration // what the log has waited
	// disturbed tells that the process slept or met a fault since it fenced the others.
	disturbed  bool
	toldFenced bool     // since then
	leftover   []staged // for BugKeepStages
	jobID      string
	parts      int            // opened in the life of the process
	memory     map[string]int // positions in memory, for BugRestartWithoutClaim

	held bool // a pause stands: tasks read nothing; it outlives attempts

	// Of the attempt that runs.
	m            *checkpoint.Machine
	now          time.Duration
	end          *checkpoint.End
	events       []checkpoint.Event
	call         func() // the one call that is under way
	tasks        []*task
	pool         *pool
	inputEnded   bool
	attemptParts int
	tx           *broker.Tx // that sinks join; nil for a log without
}

func newProcess(w *world, id int) *process {
	p := &process{w: w, id: id, parallelism: 1 + w.rng.IntN(3), memory: map[string]int{}}
	var disk local.Disk = fstest.WrapDisk(w.disk, p.onCall)
	disk = buggyDisk{Disk: disk, bug: w.Bug}
	p.fs = local.New(local.Options{Disk: disk, Nonce: fmt.Sprintf("p%d", id)})
	p.retain, p.logName = 1+w.rng.IntN(3), w.config
	p.log = p.openLog(p.logName)
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		p.run()
	})
	return p
}

// resume lets p go on to its next call; false is that it has ended.
func (p *process) resume() bool {
	_, more := p.next()
	return more
}

// kill ends p at the call where it stands, like kill -9: the call is not carried out.
func (p *process) kill() { p.stop() }

// pause hands the turn to the world; afterwards p may be dead.
func (p *process) pause() {
	if !p.dead && !p.yield(struct{}{}) {
		p.dead = true
	}
}

// onCall comes before every call to the disk.
func (p *process) onCall(op fstest.Op) fstest.Fault {
	p.pause()
	if p.dead {
		return fstest.Fault{Err: fstest.ErrCrashed}
	}
	p.w.doze(p, op)
	if p.logName == topicLog && !op.Kind.Reads() && strings.HasPrefix(op.Path, outRoot) &&
		!p.w.claimStands(p.log.Owner()) {
		p.w.fail("p%d touches %s before its claim stands", p.id, op.Path) // I1
	}
	f := p.w.onCall(op)
	p.disturbed = p.disturbed || f.Err != nil
	return f
}

// run is the life of the process: attempt after attempt until an end that is no restart.
func (p *process) run() {
	for range attemptsMax {
		end := p.attempt()
		if p.dead {
			return
		}
		p.w.trace("p%d ends an attempt: %s: %v", p.id, end.Outcome, end.Err)
		if end.Outcome != checkpoint.Restart {
			p.exit(end)
			break
		}
		if errors.Is(end.Err, checkpoint.ErrOutcomeUnknown) {
			p.w.result.Unknown++
		}
		if errors.Is(end.Err, checkpoint.ErrEpochLost) {
			p.w.result.Lost++
		}
	}
	if err := p.log.Close(); err != nil {
		p.w.trace("p%d closes its log: %v", p.id, err)
	}
}

// exit judges an end that is no restart.
func (p *process) exit(end checkpoint.End) {
	switch end.Outcome {
	case checkpoint.Finished:
		p.w.finished = true
	case checkpoint.Fenced:
		p.w.result.Fenced++
	case checkpoint.Fatal:
		switch {
		case errors.Is(end.Err, checkpoint.ErrLost) && !p.isOwner():
			// It slept between Decide and Commit; a newer owner published for it, and the
			// consumer has taken the output since.
			p.w.result.Fenced++
		case errors.Is(end.Err, checkpoint.ErrRefused) && p.w.logs == changing &&
			strings.Contains(end.Err.Error(), "checkpoint.log"):
			// The job left this log for the other one; an operator reads that and obeys.
			if p.w.config == p.logName {
				p.w.changeLog()
			}
		case p.w.bringBack(end.Err):
		default:
			p.w.fail("p%d: fatal: %v", p.id, end.Err)
		}
	}
}

// isOwner asks the logs, without faults, whether p owns the job.
func (p *process) isOwner() bool {
	owner, ok := p.w.newestOwner()
	return !ok || owner == p.log.Owner()
}

// attempt drives one machine to its end.
func (p *process) attempt() checkpoint.End {
	rng := p.w.rng
	p.m = checkpoint.NewMachine(checkpoint.Config{
		JobName: jobName, Log: p.logName, Parallelism: p.parallelism,
		Sources:           []string{source},
		Interval:          time.Duration(5+rng.IntN(60)) * turnTime,
		MinPause:          time.Duration(rng.IntN(10)) * turnTime,
		Timeout:           time.Duration(rng.IntN(2)*(50+rng.IntN(100))) * turnTime,
		TolerableFailures: rng.IntN(3),
	})
	p.end, p.events, p.call, p.tasks, p.inputEnded = nil, nil, nil, nil, false
	p.pool, p.attemptParts, p.tx = nil, 0, nil
	p.step(checkpoint.Start{})
	if p.held {
		p.step(checkpoint.Pause{})
	}
	for p.end == nil && !p.dead {
		p.now += turnTime
		p.turn()
		p.pause()
	}
	p.dropStages()
	if p.dead {
		return checkpoint.End{}
	}
	if log, ok := p.log.(*txlog.Log); ok && p.w.chance(2) {
		if err := log.Abandon(p.w.ctx); err != nil {
			p.w.trace("p%d: %v", p.id, err)
		}
	}
	return *p.end
}

// turn does one of the things that could happen next.
func (p *process) turn() {
	p.checkQuiet()
	var actions []func()
	if len(p.events) > 0 {
		actions = append(actions, p.deliver, p.deliver)
	}
	if p.call != nil {
		actions = append(actions, p.finishCall, p.finishCall)
	}
	if at, ok := p.m.Next(); ok {
		actions = append(actions, func() {
			p.now = max(p.now, at)
			p.step(checkpoint.Tick{})
		})
	}
	for _, t := range p.tasks {
		if t.canWork() {
			actions = append(actions, t.work, t.work)
		}
	}
	if p.working() {
		actions = append(actions, p.coordinate()...)
		actions = append(actions, p.control(len(actions))...)
	}
	if len(actions) == 0 {
		p.w.fail("p%d stands still in state %s", p.id, p.m.State())
		p.end = &checkpoint.End{Outcome: checkpoint.Stopped}
		return
	}
	actions[p.w.rng.IntN(len(actions))]()
}

// working tells that tasks are up and not being stopped.
func (p *process) working() bool {
	s := p.m.State()
	return p.pool != nil && s >= checkpoint.StateRunning && s < checkpoint.StateStopping
}

// coordinate lists what the coordinator could do for its tasks.
func (p *process) coordinate() []func() {
	var actions []func()
	if !p.pool.done {
		actions = append(actions, p.pool.enumerate)
	}
	if len(p.pool.unassigned) > 0 {
		actions = append(actions, p.handOut, p.handOut)
	}
	if !p.inputEnded && p.pool.done && len(p.pool.unassigned) == 0 && p.idle() {
		actions = append(actions, func() {
			p.inputEnded = true
			p.step(checkpoint.InputEnded{})
		})
	}
	if p.w.faults > 0 && p.w.chance(300) {
		p.w.faults--
		actions = append(actions, func() {
			p.w.trace("p%d: a task breaks", p.id)
			p.step(checkpoint.Failed{Err: errors.New("task broke")})
		}, func() {
			p.w.trace("p%d is asked to stop", p.id)
			p.step(checkpoint.Stop{})
		})
	}
	return actions
}

func (p *process) idle() bool {
	for _, t := range p.tasks {
		if len(t.queue) > 0 || len(t.reading) > 0 {
			return false
		}
	}
	return true
}

// handOut gives one split to any task.
func (p *process) handOut() {
	s := p.pool.unassigned[0]
	p.pool.unassigned = p.pool.unassigned[1:]
	t := p.tasks[p.w.rng.IntN(len(p.tasks))]
	t.queue = append(t.queue, command{add: &s})
}

func (p *process) deliver() {
	ev := p.events[0]
	p.events = p.events[1:]
	p.step(ev)
}

func (p *process) finishCall() {
	call := p.call
	p.call = nil
	call()
}

// later notes an event that the machine hears of in one of the next turns.
func (p *process) later(ev checkpoint.Event) { p.events = append(p.events, ev) }

func (p *process) step(ev checkpoint.Event) {
	effects := p.m.Step(p.now, ev)
	// The slice is the machine's; carrying out an effect may step it again.
	for _, effect := range append([]checkpoint.Effect(nil), effects...) {
		if p.dead {
			return
		}
		p.carryOut(effect)
	}
}

// carryOut does what the machine asks for. Calls to the log and the committer are put off, so
// that tasks work beside them.
func (p *process) carryOut(effect checkpoint.Effect) {
	switch e := effect.(type) {
	case checkpoint.Claim:
		p.call = p.claim
	case checkpoint.Recover:
		p.call = func() { p.recover(e.Manifest) }
	case checkpoint.Begin:
		tx, err := p.log.Begin(p.w.ctx, e.Epoch)
		if err != nil {
			p.later(checkpoint.Failed{Err: err})
			return
		}
		p.began(tx)
	case checkpoint.StartTasks:
		p.startTasks(e.Manifest)
	case checkpoint.Prepare:
		p.prepare(e)
	case checkpoint.Decide:
		p.call = func() { p.decide(e.Manifest) }
	case checkpoint.Commit:
		p.call = func() {
			err := committer{p}.commit(e.Committables)
			p.later(checkpoint.CommitDone{Epoch: e.Epoch, Err: err, Retryable: p.w.chance(2)})
		}
	case checkpoint.Acknowledge:
		for _, t := range p.tasks {
			t.queue = append(t.queue, command{acknowledge: e.Epoch})
		}
	case checkpoint.MarkApplied:
		if err := p.log.Applied(p.w.ctx, e.Epoch); err == nil {
			p.w.applied = max(p.w.applied, uint64(e.Epoch))
		}
	case checkpoint.StopTasks:
		for _, t := range p.tasks {
			t.queue = append(t.queue, command{stop: true})
		}
	case checkpoint.Abort:
		p.call = func() {
			_ = committer{p}.abort(e.Committables) // what stays is a stray
			p.later(checkpoint.AbortDone{})
		}
	case checkpoint.End:
		p.end = &e
	}
}

func (p *process) claim() {
	m, found, err := p.log.Claim(p.w.ctx)
	p.jobID = m.JobID
	if p.w.fencer.p == p {
		p.w.fencer.claimed = true
	}
	if err == nil {
		if p.w.lastLog != "" && p.w.lastLog != p.logName {
			p.w.result.Moves++
		}
		p.w.lastLog = p.logName
		p.w.trace("p%d is %s at record %d", p.id, p.log.Owner(), m.Epoch)
	}
	p.later(checkpoint.ClaimDone{Manifest: m, Found: found, Owner: p.log.Owner(), Err: err})
}

func (p *process) recover(m checkpoint.Manifest) {
	keep, err := p.log.Retained(p.w.ctx)
	if err == nil {
		err = committer{p}.recover(m.Committables, keep)
	}
	if errors.Is(err, checkpoint.ErrLost) {
		// The older owner may have published it meanwhile, and the consumer have taken it.
		again, readErr := p.log.Retained(p.w.ctx)
		if readErr == nil && again.Applied > keep.Applied {
			err = committer{p}.recover(m.Committables, again)
		}
	}
	p.later(checkpoint.RecoverDone{Err: err})
}

func (p *process) decide(m checkpoint.Manifest) {
	p.deciding = true
	err := p.log.Decide(p.w.ctx, m)
	p.deciding = false
	if p.dead {
		return
	}
	p.w.trace("p%d decides %d: %v", p.id, m.Epoch, err)
	if err == nil {
		p.w.result.Epochs++
	}
	if err != nil && p.w.Bug == BugAbortAfterDecide {
		_ = committer{p}.abort(m.Committables)
	}
	if errors.Is(err, checkpoint.ErrOutcomeUnknown) && p.w.Bug == BugDiscardUnknown {
		_ = committer{p}.abort(m.Committables)
	}
	if errors.Is(err, checkpoint.ErrFenced) && p.w.Bug == BugCommitWhenFenced {
		_ = committer{p}.commit(m.Committables)
	}
	p.later(checkpoint.DecideDone{Epoch: m.Epoch, Err: err})
}

func (p *process) startTasks(m checkpoint.Manifest) {
	p.pool = newPool(p, m)
	p.tasks = nil
	for i := range p.parallelism {
		p.tasks = append(p.tasks, &task{
			p: p, index: i, writer: &writer{p: p, task: i},
			topic:     &topicWriter{p: p, epoch: m.Epoch + 1},
			snapshots: map[checkpoint.Epoch]map[string]int{},
		})
	}
}

// prepare answers for the coordinator and passes the order on to the tasks.
func (p *process) prepare(e checkpoint.Prepare) {
	for i, t := range p.tasks {
		silent := p.w.Bug == BugDecideEarly && i == len(p.tasks)-1
		t.queue = append(t.queue, command{prepare: e.Epoch, final: e.Final, silent: silent})
		if silent {
			p.later(checkpoint.Prepared{Report: t.report(e.Epoch)})
		}
	}
	if p.w.Bug == BugCollectLate && len(p.pool.unassigned) > 0 {
		p.handOut()
	}
	p.later(checkpoint.Collected{
		Epoch: e.Epoch, Sources: []checkpoint.SourceProgress{p.pool.progress()},
	})
}

func position(n int) checkpoint.Position {
	return checkpoint.Position{Version: 1, Data: strconv.AppendInt(nil, int64(n), 10)}
}

func parsePosition(pos checkpoint.Position) int {
	n, err := strconv.Atoi(string(pos.Data))
	if err != nil {
		panic(fmt.Sprintf("position %q: %v", pos.Data, err))
	}
	return n
}
