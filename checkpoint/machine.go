package checkpoint

import (
	"errors"
	"fmt"
	"time"
)

// State is where a commit group stands.
//
//	New --> Claiming --> Recovering --> Running <-------------+
//	                                      |                   |
//	                     interval, Stop,  |                   |
//	                     InputEnded       v                   |
//	                                   Preparing              |
//	                                      | all parts         |
//	                                      v                   |
//	                                  (Settling)              |
//	                                      |                   |
//	                                      v                   |
//	                     DecideWait <-> Deciding              |
//	                                      | decided           |
//	                                      v                   |
//	                     CommitWait <-> Committing -----------+
//	                                      |       not final
//	                                      | final
//	            failure in any state      v
//	           -----------------------> Stopping --> Aborting --> Ended
//
// Tasks work in Running, Preparing, Settling, Deciding, Committing and the two waits: all of an
// epoch after its Prepare runs beside the work of the next one. Settling is passed by unless a
// sink asked for it.
type State int

// The states.
const (
	StateNew        State = iota // nothing happened yet
	StateClaiming                // CommitLog.Claim is under way
	StateRecovering              // the committers finish what the last owner decided
	StateRunning                 // tasks work, no epoch is in progress
	StatePreparing               // waiting for the parts of an epoch
	StateSettling                // sinks choose what to publish and what to hold back
	StateDeciding                // CommitLog.Decide is under way
	StateDecideWait              // Decide said "not decided" and is called again soon
	StateCommitting              // Commit is under way
	StateCommitWait              // Commit hit a retryable error and is called again soon
	StateStopping                // waiting for the tasks and for the call that is under way
	StateAborting                // prepared output of an epoch nobody decided is thrown away
	StateEnded                   // over
	stateCount
)

// String returns the name for messages and metrics.
func (s State) String() string {
	names := [stateCount]string{
		"new", "claiming", "recovering", "running", "preparing", "settling", "deciding",
		"decide-wait", "committing", "commit-wait", "stopping", "aborting", "ended",
	}
	if s < 0 || s >= stateCount {
		return fmt.Sprintf("state %d", int(s))
	}
	return names[s]
}

// The machine, state by event. "." = noted or ignored without leaving the state, "!" = the driver
// has a bug and the machine panics. Ended takes nothing.
//
//	            Start    Tick       Claim  Recover Parts    Settle   Decide     Commit  Tasks   Abort
//	                                Done   Done             Done     Done       Done    Stopped Done
//	New         Claiming !          !      !       !        !        !          !       !       !
//	Claiming    !        .          Recov. !       !        !        !          !       !       !
//	Recovering  !        .          !      Running !        !        !          !       !       !
//	Running     !        Preparing  !      !       !        !        !          !       !       !
//	Preparing   !        . Stopping !      !       Settling !        !          !       !       !
//	                                               Deciding
//	Settling    !        .          !      !       !        Deciding !          !       !       !
//	Deciding    !        .          !      !       !        !        Committing !       !       !
//	DecideWait  !        Deciding   !      !       !        !        !          !       !       !
//	Committing  !        .          !      !       !        !        !          Running !       !
//	CommitWait  !        Committing !      !       !        !        !          !       !       !
//	Stopping    !        .          .      .       .        .        .          .       Ended   !
//	Aborting    !        .          !      !       !        !        !          !       !       Ended
//
// Stop is noted in every state and acted on in Running, and so is InputEnded once tasks run.
// Trigger, Pause and Resume are noted in every state too and change when Running ends; all other
// states are as they are without them.
// Failed leads to Stopping from every state before it. A ...Done with an error leads to Stopping,
// except where a retry is drawn. Stopping waits for the tasks and for the one call that may be
// under way, then goes to Ended, by way of Aborting when there is prepared output of an epoch for
// which Decide was never called (I2).
//
// A timeout of Preparing undoes nothing. Tasks that answered hold durable, invisible output that
// stays good for as long as it takes; preparing them again would only cut more and smaller parts.
// So the same attempt goes on, the timeout is counted as a failure, and when more than the
// tolerable number have come in a row the machine gives up: it ends with Restart, and the next
// claim redoes everything since the last decided epoch. A Decide that says "not decided" is
// counted and repeated with the same manifest for the same reason, unless it says that the epoch
// was lost with its transaction: then there is nothing to repeat, and the machine ends with
// Restart as it does for an unknown outcome.
//
// Every restart is a new machine with a new claim, also within one process: a fresh claim number
// makes all names fresh, lets Recover clean what the last attempt left, and reads back an unknown
// outcome. There is no other way back.

const (
	// retryDelayMin is the first wait before Decide or Commit is called again: long enough not
	// to hammer a store that just refused, short beside any useful interval.
	retryDelayMin = 100 * time.Millisecond
	// retryDelayMax bounds the doubling, so that a store that heals is used again soon.
	retryDelayMax = 10 * time.Second
)

// Config is what a machine is made of.
type Config struct {
	JobName     string
	Log         string // the log in use: "store" or "kafka:<sink>"
	Parallelism int    // tasks of the group, at least 1
	// Sources are the names of the job file; DropSources may be missing in it although the
	// manifest knows them.
	Sources     []string
	DropSources []string

	Interval time.Duration // between the starts of two epochs; 0 is only a final one
	MinPause time.Duration // at least this long from the end of an epoch to the next start
	Timeout  time.Duration // of preparing, before it counts as a failure; 0 is none
	// TolerableFailures is how many failures in a row, of timeouts and of Decide, are borne.
	TolerableFailures int
}

// Machine is the protocol of one commit group for the length of one claim: events in, effects
// out. It starts no goroutine, reads no clock and does no I/O. One goroutine drives it:
//
//	for _, effect := range m.Step(now, event) { do(effect) }
type Machine struct {
	cfg   Config
	state State
	now   time.Duration
	out   []Effect

	restored Manifest // what the claim found
	owner    Owner
	attempt  attempt // the epoch in progress

	ending    bool // no more epochs after a final one
	inputDone bool // and because the input has ended
	tasksUp   bool // StartTasks was emitted, TasksStopped has not come
	asked     bool // the next epoch begins as soon as it can
	paused    bool // no epoch begins by itself
	settles   bool // a sink settles epochs
	calling   bool // an answer to Claim, Recover, Settle, Decide or Commit is due
	failures  int  // in a row

	decidedAt  time.Duration // the last decided epoch, or the start of the tasks
	triggerAt  time.Duration // Running: start of the next epoch
	deadline   time.Duration // Preparing: when the attempt counts as failed
	retryAt    time.Duration // DecideWait, CommitWait
	retryDelay time.Duration

	outcome Outcome
	err     error
}

// attempt is an epoch on its way from Prepare to the end of Commit.
type attempt struct {
	epoch        Epoch
	final        bool
	startedAt    time.Duration
	collected    *Collected
	reports      []*Report // by task
	missing      int       // parts still to come, the coordinator's included
	manifest     Manifest
	decideCalled bool
}

// NewMachine returns a machine in StateNew.
func NewMachine(cfg Config) *Machine {
	if cfg.Parallelism < 1 {
		panic(fmt.Sprintf("checkpoint: parallelism is %d", cfg.Parallelism))
	}
	return &Machine{cfg: cfg}
}

// State returns where the group stands.
func (m *Machine) State() State { return m.state }

// Epoch returns the epoch that tasks work on or that is in progress; 0 before the claim.
func (m *Machine) Epoch() Epoch { return m.attempt.epoch }

// Failures returns how many timeouts and refused decisions came since the last decided epoch.
func (m *Machine) Failures() int { return m.failures }

// LastDecided returns when the last epoch was decided, or when tasks were started.
func (m *Machine) LastDecided() time.Duration { return m.decidedAt }

// Next returns when the machine wants a Tick; false is never.
func (m *Machine) Next() (time.Duration, bool) {
	switch m.state {
	case StateRunning:
		return m.triggerAt, m.cfg.Interval > 0 && !m.paused
	case StatePreparing:
		return m.deadline, m.cfg.Timeout > 0
	case StateDecideWait, StateCommitWait:
		return m.retryAt, true
	}
	return 0, false
}

// Step takes an event at a time (since any fixed moment, never falling) and returns what to do.
// The slice is valid until the next Step. An event that cannot happen in the state is a bug of
// the driver and panics.
func (m *Machine) Step(now time.Duration, ev Event) []Effect {
	if m.state == StateEnded {
		m.unexpected(ev)
	}
	m.now, m.out = max(now, m.now), m.out[:0]
	switch ev := ev.(type) {
	case InputEnded:
		if m.state < StateRunning {
			m.unexpected(ev)
		}
		m.ending, m.inputDone = true, true
	case Stop:
		m.ending = true
	case Trigger:
		m.asked = true
	case Pause:
		m.paused, m.asked = true, true
	case Resume:
		m.resume()
	case Failed:
		m.onFailed(ev)
	default:
		m.dispatch(ev)
	}
	if m.state == StateRunning {
		m.maybeTrigger()
	}
	return m.out
}

// dispatch hands an event to the state that waits for it.
func (m *Machine) dispatch(ev Event) {
	if _, ok := ev.(Tick); ok && m.state != StateNew {
		m.onTick()
		return
	}
	switch m.state {
	case StateNew:
		m.inNew(ev)
	case StateClaiming:
		m.inClaiming(ev)
	case StateRecovering:
		m.inRecovering(ev)
	case StatePreparing:
		m.inPreparing(ev)
	case StateSettling:
		m.inSettling(ev)
	case StateDeciding:
		m.inDeciding(ev)
	case StateCommitting:
		m.inCommitting(ev)
	case StateStopping:
		m.inStopping(ev)
	case StateAborting:
		m.inAborting(ev)
	default:
		m.unexpected(ev)
	}
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

func (m *Machine) unexpected(ev Event) {
	panic(fmt.Sprintf("checkpoint: %T in state %s", ev, m.state))
}

func (m *Machine) inNew(ev Event) {
	if _, ok := ev.(Start); !ok {
		m.unexpected(ev)
	}
	m.state, m.calling = StateClaiming, true
	m.emit(Claim{})
}

func (m *Machine) inClaiming(ev Event) {
	done, ok := ev.(ClaimDone)
	if !ok {
		m.unexpected(ev)
	}
	m.calling = false
	if done.Err != nil {
		m.stop(outcomeOf(done.Err, done.Fatal), done.Err)
		return
	}
	m.restored, m.owner = done.Manifest, done.Owner
	kept, err := Reconcile(done.Manifest.Sources, m.cfg.Sources, m.cfg.DropSources)
	if err != nil {
		m.stop(Fatal, err)
		return
	}
	m.restored.Sources = kept
	if !done.Found || m.restored.Parallelism != m.cfg.Parallelism {
		m.restored.Generation++
	}
	m.state, m.calling = StateRecovering, true
	m.emit(Recover{Manifest: m.restored})
}

func (m *Machine) inRecovering(ev Event) {
	done, ok := ev.(RecoverDone)
	if !ok {
		m.unexpected(ev)
	}
	m.calling = false
	if done.Err != nil {
		m.stop(outcomeOf(done.Err, done.Fatal), fmt.Errorf("recovering sinks: %w", done.Err))
		return
	}
	if cs := m.restored.Committables; len(cs) > 0 {
		m.emit(MarkApplied{Epoch: cs[0].Epoch}) // they are all of one epoch
	}
	if m.ending {
		// Asked to stop before anything was read: there is nothing to decide.
		m.stop(Stopped, nil)
		return
	}
	m.state, m.tasksUp, m.settles = StateRunning, true, done.Settles
	m.attempt, m.decidedAt = attempt{epoch: m.restored.Epoch + 1}, m.now
	m.triggerAt = m.now + m.cfg.Interval
	m.emit(Begin{Epoch: m.attempt.epoch})
	m.emit(StartTasks{Manifest: m.restored})
}

func (m *Machine) onTick() {
	switch m.state {
	case StatePreparing:
		if m.cfg.Timeout > 0 && m.now >= m.deadline {
			m.deadline = m.now + m.cfg.Timeout
			m.countFailure(fmt.Errorf("preparing epoch %d: %w: nothing from %s after %s",
				m.attempt.epoch, ErrTimeout, m.missingParts(), m.now-m.attempt.startedAt))
		}
	case StateDecideWait:
		if m.now >= m.retryAt {
			m.decide()
		}
	case StateCommitWait:
		if m.now >= m.retryAt {
			m.commit()
		}
	}
}

// countFailure bears one more failure, or gives up. It reports whether it was borne.
func (m *Machine) countFailure(err error) bool {
	m.failures++
	if m.failures <= m.cfg.TolerableFailures {
		return true
	}
	m.stop(Restart, fmt.Errorf("%w (%d in a row, %d tolerable)",
		err, m.failures, m.cfg.TolerableFailures))
	return false
}

func (m *Machine) inPreparing(ev Event) {
	if !m.take(ev) {
		m.unexpected(ev)
	}
	if m.attempt.missing > 0 {
		return
	}
	manifest, err := m.assemble()
	if err != nil {
		m.stop(Fatal, fmt.Errorf("assembling epoch %d: %w", m.attempt.epoch, err))
		return
	}
	m.attempt.manifest, m.retryDelay = manifest, 0
	if m.settles {
		m.settle()
		return
	}
	m.decide()
}

// take keeps one part of the epoch in progress. Two parts of the same task, or a part of another
// epoch, would mean that output gets lost: the driver has a bug.
func (m *Machine) take(ev Event) bool {
	a := &m.attempt
	switch ev := ev.(type) {
	case Collected:
		if ev.Epoch != a.epoch || a.reports == nil || a.collected != nil {
			panic(fmt.Sprintf("checkpoint: second or foreign collection of epoch %d in epoch %d",
				ev.Epoch, a.epoch))
		}
		a.collected = &ev
	case Prepared:
		if ev.Epoch != a.epoch || a.reports == nil || a.reports[ev.Task] != nil {
			panic(fmt.Sprintf("checkpoint: second or foreign report of task %d for epoch %d in "+
				"epoch %d", ev.Task, ev.Epoch, a.epoch))
		}
		a.reports[ev.Task] = &ev.Report
	default:
		return false
	}
	a.missing--
	return true
}

func (m *Machine) decide() {
	m.state, m.calling = StateDeciding, true
	m.attempt.decideCalled = true
	m.emit(Decide{Manifest: m.attempt.manifest})
}

func (m *Machine) inDeciding(ev Event) {
	done, ok := ev.(DecideDone)
	if !ok {
		m.unexpected(ev)
	}
	m.calling = false
	if done.Err == nil {
		m.decided()
		return
	}
	outcome := outcomeOf(done.Err, done.Fatal)
	if outcome == Restart && !settledByClaim(done.Err) {
		if m.countFailure(done.Err) {
			m.state = StateDecideWait
			m.backOff()
		}
		return
	}
	// I2: the epoch may stand, or another owner does, or its output went with its transaction.
	// Only the next claim can tell or make good.
	m.stop(outcome, done.Err)
}

// settledByClaim tells the errors of Decide after which the same call cannot succeed: the outcome
// is unknown, or there is nothing left to decide.
func settledByClaim(err error) bool {
	return errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, ErrEpochLost)
}

func (m *Machine) decided() {
	m.failures, m.retryDelay = 0, 0
	m.decidedAt = m.now
	if !m.attempt.final {
		m.emit(Begin{Epoch: m.attempt.epoch + 1})
	}
	m.commit()
}

func (m *Machine) commit() {
	m.state, m.calling = StateCommitting, true
	m.emit(Commit{Epoch: m.attempt.epoch, Committables: m.attempt.manifest.Committables})
}

func (m *Machine) inCommitting(ev Event) {
	done, ok := ev.(CommitDone)
	if !ok {
		m.unexpected(ev)
	}
	m.calling = false
	if done.Err == nil {
		m.committed()
		return
	}
	outcome := outcomeOf(done.Err, done.Fatal)
	if outcome == Restart && done.Retryable {
		// The epoch is decided: its output will be published sooner or later, so this is no
		// failure of the epoch. The next one waits (I3).
		m.state = StateCommitWait
		m.backOff()
		return
	}
	m.stop(outcome, fmt.Errorf("committing epoch %d: %w", m.attempt.epoch, done.Err))
}

func (m *Machine) committed() {
	a := m.attempt
	m.emit(Acknowledge{Epoch: a.epoch})
	m.emit(MarkApplied{Epoch: a.epoch})
	if a.final {
		outcome := Stopped
		if a.manifest.Finished() {
			outcome = Finished
		}
		m.stop(outcome, nil)
		return
	}
	m.state = StateRunning
	m.attempt = attempt{epoch: a.epoch + 1}
	m.triggerAt = max(a.startedAt+m.cfg.Interval, m.now+m.cfg.MinPause)
}

func (m *Machine) backOff() {
	m.retryDelay = min(max(2*m.retryDelay, retryDelayMin), retryDelayMax)
	m.retryAt = m.now + m.retryDelay
}
