package checkpoint

// Event is something that happened to a commit group. The driver tells the machine.
type Event interface{ event() }

// The events. Those named ...Done answer the effect of that name.
type (
	// Start begins the life of the machine. It is the first event.
	Start struct{}

	// Tick says that time has passed. The driver sends one when Machine.Next is reached.
	Tick struct{}

	// ClaimDone is what CommitLog.Claim returned, with CommitLog.Owner when it succeeded. Fatal
	// here and in the other answers means that another attempt would meet the error again.
	ClaimDone struct {
		Manifest Manifest
		Found    bool // false for a job that never ran
		Owner    Owner
		Err      error
		Fatal    bool
	}

	// RecoverDone says that Recover of every committer returned, or the first error. Settles says
	// that one of them is a Settler that wants to see every epoch.
	RecoverDone struct {
		Settles bool
		Err     error
		Fatal   bool
	}

	// Collected is the coordinator's part of an epoch. The driver sends it at once when it gets
	// Prepare, before it hands out another split or adopts another enumeration.
	Collected struct {
		Epoch   Epoch
		Sources []SourceProgress // every source of the job file
		Modules []Module         // those that produce the epoch
	}

	// Prepared is the part of one task in an epoch: it stopped at a batch boundary, took its
	// snapshots and its writers prepared.
	Prepared struct{ Report }

	// SettleDone says what the epoch publishes and what it holds back, of all sinks, or the first
	// error of a Settler.
	SettleDone struct {
		Epoch        Epoch
		Committables []Committable
		Held         []Committable
		Err          error
		Fatal        bool
	}

	// DecideDone is what CommitLog.Decide returned. An error is Fatal when a record that the log's
	// transaction holds is refused for good.
	DecideDone struct {
		Epoch Epoch
		Err   error
		Fatal bool
	}

	// CommitDone says that Commit of every committer returned, or the first error. Retryable
	// tells whether the same call may succeed later.
	CommitDone struct {
		Epoch     Epoch
		Err       error
		Retryable bool
		Fatal     bool
	}

	// TasksStopped says that every task has ended: no report of theirs is still to come.
	TasksStopped struct{}

	// AbortDone says that Abort of every committer returned. An error changes nothing: what
	// stays behind is a stray that the next claim removes.
	AbortDone struct{}

	// InputEnded says that every source is bounded and all its splits are read.
	InputEnded struct{}

	// Stop asks for a graceful end: one more epoch, then no more.
	Stop struct{}

	// Trigger asks for an epoch that begins after this event, as soon as none is in progress.
	Trigger struct{}

	// Pause asks for a Trigger and, after that epoch, for no more until Resume, Stop or the end of
	// the input. The driver has the tasks read nothing before it tells: so what they have read is
	// in that epoch, and nothing is open after it.
	Pause struct{}

	// Resume ends a Pause.
	Resume struct{}

	// Failed says that something outside the other events went wrong: a task, an enumerator,
	// Begin. Fatal means that another attempt would meet it again.
	Failed struct {
		Err   error
		Fatal bool
	}
)

func (Start) event()        {}
func (Tick) event()         {}
func (ClaimDone) event()    {}
func (RecoverDone) event()  {}
func (Collected) event()    {}
func (Prepared) event()     {}
func (SettleDone) event()   {}
func (DecideDone) event()   {}
func (CommitDone) event()   {}
func (TasksStopped) event() {}
func (AbortDone) event()    {}
func (InputEnded) event()   {}
func (Stop) event()         {}
func (Trigger) event()      {}
func (Pause) event()        {}
func (Resume) event()       {}
func (Failed) event()       {}

// Effect is something the driver must do, in the order in which Step returned it. Claim, Recover,
// Settle, Decide, Commit and Abort are never under way at the same time: one goroutine may do them.
type Effect interface{ effect() }

// The effects.
type (
	// Claim: call CommitLog.Claim, answer ClaimDone.
	Claim struct{}

	// Recover: call Recover of every committer with what Manifest holds for it and with
	// CommitLog.Retained, answer RecoverDone.
	Recover struct{ Manifest Manifest }

	// Begin: call CommitLog.Begin before anything of the epoch is written; an error is Failed.
	Begin struct{ Epoch Epoch }

	// StartTasks: open readers and writers, hand out the splits of Manifest, enumerate.
	StartTasks struct{ Manifest Manifest }

	// Prepare: send Collected, and tell every task to answer Prepared. It travels to a task in
	// the same queue as its splits: a split handed out before belongs to this epoch, a split
	// handed out after belongs to the next. A task works on with the next epoch as soon as it
	// has answered, unless the epoch is final.
	Prepare struct {
		Epoch Epoch
		Final bool
	}

	// Settle: give every Settler what was prepared for it, pass the rest on, answer SettleDone.
	Settle struct {
		Epoch        Epoch
		Final        bool
		Committables []Committable
	}

	// Decide: call CommitLog.Decide, answer DecideDone. It must not be given up half-way.
	Decide struct{ Manifest Manifest }

	// Commit: call Commit of every committer that has committables, answer CommitDone.
	Commit struct {
		Epoch        Epoch
		Committables []Committable
	}

	// Acknowledge: tell every task that the epoch is decided and committed.
	Acknowledge struct{ Epoch Epoch }

	// MarkApplied: call CommitLog.Applied. An error is logged, not answered.
	MarkApplied struct{ Epoch Epoch }

	// StopTasks: end every task and the enumerations. Prepared output stays, everything after
	// it is thrown away. Answer TasksStopped when the last one has ended. What was sent to a
	// task before, such as Acknowledge, it still does if it can.
	StopTasks struct{}

	// Abort: call Abort of every committer that has committables, answer AbortDone.
	Abort struct{ Committables []Committable }

	// End: the machine has reached its end and takes no more events.
	End struct {
		Outcome Outcome
		Err     error // why, for the outcomes that are no success; else what went wrong late
	}
)

func (Claim) effect()       {}
func (Recover) effect()     {}
func (Begin) effect()       {}
func (StartTasks) effect()  {}
func (Prepare) effect()     {}
func (Settle) effect()      {}
func (Decide) effect()      {}
func (Commit) effect()      {}
func (Acknowledge) effect() {}
func (MarkApplied) effect() {}
func (StopTasks) effect()   {}
func (Abort) effect()       {}
func (End) effect()         {}

// Outcome is how the life of a machine ended, from best to worst.
type Outcome int

// The outcomes.
const (
	Finished Outcome = iota + 1 // all input is read, all output is published
	Stopped                     // asked to stop; everything up to the last epoch is published
	Restart                     // failed; another machine may claim and go on, if nobody asked to stop
	Fatal                       // failed, and would fail again; a person decides
	Fenced                      // a newer owner stands in the log; this process stops for good (I6)
)

// String returns the name for messages and metrics.
func (o Outcome) String() string {
	switch o {
	case Finished:
		return "finished"
	case Stopped:
		return "stopped"
	case Restart:
		return "restart"
	case Fatal:
		return "fatal"
	case Fenced:
		return "fenced"
	}
	return "running"
}
