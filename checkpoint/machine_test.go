package checkpoint

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	errTask  = errors.New("task broke")
	errStore = errors.New("store is full")
)

// rig drives a machine of two tasks and one source through a life, as a driver without faults.
type rig struct {
	t   *testing.T
	m   *Machine
	now time.Duration
}

func testConfig() Config {
	return Config{
		JobName: "job", Log: "store", Parallelism: 2, Sources: []string{"in"},
		Interval: time.Second, MinPause: 300 * time.Millisecond, Timeout: 10 * time.Second,
		TolerableFailures: 1,
	}
}

func newRig(t *testing.T, cfg Config) *rig {
	return &rig{t: t, m: NewMachine(cfg)}
}

func (r *rig) step(ev Event) []Effect {
	r.t.Helper()
	return r.m.Step(r.now, ev)
}

// tick lets the machine's next moment come.
func (r *rig) tick() []Effect {
	r.t.Helper()
	at, ok := r.m.Next()
	require.True(r.t, ok, "state %s wants no tick", r.m.State())
	r.now = at
	return r.step(Tick{})
}

func claimed() ClaimDone {
	return ClaimDone{
		Found: true,
		Owner: Owner{Number: 3, Nonce: "0000000a"},
		Manifest: Manifest{
			Kind: KindClaim, Epoch: 7, JobID: "id", Parallelism: 2, Generation: 1,
			Sources:      []SourceState{{Name: "in", Splits: []Split{{ID: "s1"}, {ID: "s2"}}}},
			Committables: []Committable{{Sink: "out", Epoch: 6}},
		},
	}
}

func collected(e Epoch) Collected {
	return Collected{Epoch: e, Sources: []SourceProgress{{Name: "in"}}}
}

func prepared(task int, e Epoch) Prepared {
	return Prepared{Report{
		Task: task, Epoch: e,
		Splits: map[string][]Split{"in": {{ID: fmt.Sprintf("s%d", task+1),
			Position: Position{Version: 1, Data: []byte{byte(e)}}}}},
		Committables: []Committable{{Sink: "out", Task: task}},
	}}
}

// drained is a report of a task that has nothing left to read.
func drained(task int, e Epoch) Prepared { return Prepared{Report{Task: task, Epoch: e}} }

// to drives a fresh rig into a state; the epoch in progress is 8 from Running on.
func (r *rig) to(s State) *rig {
	r.t.Helper()
	full := DecideDone{Epoch: 8, Err: errStore}
	sick := CommitDone{Epoch: 8, Err: errStore, Retryable: true}
	deciding := []Event{
		Start{}, claimed(), RecoverDone{}, Tick{}, collected(8), prepared(0, 8), prepared(1, 8),
	}
	committing := append(deciding[:len(deciding):len(deciding)], DecideDone{Epoch: 8})
	settling := append([]Event{Start{}, claimed(), RecoverDone{Settles: true}}, deciding[3:]...)
	script := map[State][]Event{
		StateNew:        nil,
		StateClaiming:   deciding[:1],
		StateRecovering: deciding[:2],
		StateRunning:    deciding[:3],
		StatePreparing:  deciding[:4],
		StateSettling:   settling,
		StateDeciding:   deciding,
		StateDecideWait: append(deciding[:len(deciding):len(deciding)], full),
		StateCommitting: committing,
		StateCommitWait: append(committing[:len(committing):len(committing)], sick),
		StateStopping:   append(deciding[:4:4], prepared(0, 8), Failed{Err: errTask}),
		StateAborting:   append(deciding[:4:4], prepared(0, 8), Failed{Err: errTask}, TasksStopped{}),
		StateEnded: append(deciding[:4:4], prepared(0, 8), Failed{Err: errTask}, TasksStopped{},
			AbortDone{}),
	}
	for _, ev := range script[s] {
		if _, ok := ev.(Tick); ok {
			r.tick()
			continue
		}
		r.step(ev)
	}
	require.Equal(r.t, s, r.m.State())
	return r
}

// names lists effects by type, for a transcript.
func names(effects []Effect) string {
	out := make([]string, len(effects))
	for i, e := range effects {
		out[i] = strings.TrimPrefix(fmt.Sprintf("%T", e), "checkpoint.")
		switch e := e.(type) {
		case Prepare:
			out[i] = fmt.Sprintf("Prepare(%d,%v)", e.Epoch, e.Final)
		case Begin:
			out[i] = fmt.Sprintf("Begin(%d)", e.Epoch)
		case Commit:
			out[i] = fmt.Sprintf("Commit(%d)", e.Epoch)
		case End:
			out[i] = fmt.Sprintf("End(%s)", e.Outcome)
		}
	}
	return strings.Join(out, " ")
}

// pairEvents are the columns of the transition table, each with an event of that kind that fits
// epoch 8, and with an error where one matters.
var pairEvents = []struct {
	name string
	at   time.Duration // beyond any deadline when not 0
	ev   Event
}{
	{"Start", 0, Start{}},
	{"Tick early", 0, Tick{}},
	{"Tick late", time.Hour, Tick{}},
	{"ClaimDone", 0, claimed()},
	{"ClaimDone fenced", 0, ClaimDone{Err: ErrFenced}},
	{"RecoverDone", 0, RecoverDone{}},
	{"RecoverDone lost", 0, RecoverDone{Err: ErrLost}},
	{"Collected", 0, collected(8)},
	{"Prepared", 0, prepared(1, 8)},
	{"SettleDone", 0, SettleDone{Epoch: 8}},
	{"SettleDone lost", 0, SettleDone{Epoch: 8, Err: ErrLost}},
	{"DecideDone", 0, DecideDone{Epoch: 8}},
	{"DecideDone fenced", 0, DecideDone{Epoch: 8, Err: ErrFenced}},
	{"DecideDone unknown", 0, DecideDone{Epoch: 8, Err: ErrOutcomeUnknown}},
	{"DecideDone refused", 0, DecideDone{Epoch: 8, Err: ErrEpochLost, Fatal: true}},
	{"DecideDone lost", 0, DecideDone{Epoch: 8, Err: ErrEpochLost}},
	{"DecideDone not decided", 0, DecideDone{Epoch: 8, Err: errStore}},
	{"CommitDone", 0, CommitDone{Epoch: 8}},
	{"CommitDone retryable", 0, CommitDone{Epoch: 8, Err: errStore, Retryable: true}},
	{"CommitDone lost", 0, CommitDone{Epoch: 8, Err: ErrLost, Retryable: true}},
	{"TasksStopped", 0, TasksStopped{}},
	{"AbortDone", 0, AbortDone{}},
	{"InputEnded", 0, InputEnded{}},
	{"Stop", 0, Stop{}},
	{"Trigger", 0, Trigger{}},
	{"Pause", 0, Pause{}},
	{"Resume", 0, Resume{}},
	{"Failed", 0, Failed{Err: errTask}},
}

// pairs is the transition table: the state after the event and the effects, "!" for a panic.
// Events that are not listed for a state panic.
var pairs = map[State]map[string]string{
	StateNew: {"Start": "claiming: Claim", "Stop": "new: "},
	StateClaiming: {
		"Tick early": "claiming: ", "Tick late": "claiming: ",
		"ClaimDone":        "recovering: Recover",
		"ClaimDone fenced": "ended: End(fenced)",
		"Stop":             "claiming: ",
		"Failed":           "stopping: ",
	},
	StateRecovering: {
		"Tick early": "recovering: ", "Tick late": "recovering: ",
		"RecoverDone":      "running: MarkApplied Begin(8) StartTasks",
		"RecoverDone lost": "ended: End(fatal)",
		"Stop":             "recovering: ",
		"Failed":           "stopping: ",
	},
	StateRunning: {
		"Tick early": "running: ",
		"Tick late":  "preparing: Prepare(8,false)",
		"InputEnded": "preparing: Prepare(8,true)",
		"Stop":       "preparing: Prepare(8,true)",
		"Trigger":    "preparing: Prepare(8,false)",
		"Pause":      "preparing: Prepare(8,false)",
		"Failed":     "stopping: StopTasks",
	},
	StatePreparing: {
		"Tick early": "preparing: ", "Tick late": "preparing: ",
		"Collected": "preparing: ", "Prepared": "preparing: ",
		"InputEnded": "preparing: ", "Stop": "preparing: ",
		"Failed": "stopping: StopTasks",
	},
	StateSettling: {
		"Tick early": "settling: ", "Tick late": "settling: ",
		"SettleDone":      "deciding: Decide",
		"SettleDone lost": "stopping: StopTasks",
		"InputEnded":      "settling: ", "Stop": "settling: ",
		"Failed": "stopping: StopTasks",
	},
	StateDeciding: {
		"Tick early": "deciding: ", "Tick late": "deciding: ",
		"DecideDone":             "committing: Begin(9) Commit(8)",
		"DecideDone fenced":      "stopping: StopTasks",
		"DecideDone unknown":     "stopping: StopTasks",
		"DecideDone refused":     "stopping: StopTasks",
		"DecideDone lost":        "stopping: StopTasks",
		"DecideDone not decided": "decide-wait: ",
		"InputEnded":             "deciding: ", "Stop": "deciding: ",
		"Failed": "stopping: StopTasks",
	},
	StateDecideWait: {
		"Tick early": "decide-wait: ", "Tick late": "deciding: Decide",
		"InputEnded": "decide-wait: ", "Stop": "decide-wait: ",
		"Failed": "stopping: StopTasks",
	},
	StateCommitting: {
		"Tick early": "committing: ", "Tick late": "committing: ",
		"CommitDone":           "running: Acknowledge MarkApplied",
		"CommitDone retryable": "commit-wait: ",
		"CommitDone lost":      "stopping: StopTasks",
		"InputEnded":           "committing: ", "Stop": "committing: ",
		"Failed": "stopping: StopTasks",
	},
	StateCommitWait: {
		"Tick early": "commit-wait: ", "Tick late": "committing: Commit(8)",
		"InputEnded": "commit-wait: ", "Stop": "commit-wait: ",
		"Failed": "stopping: StopTasks",
	},
	StateStopping: {
		"Tick early": "stopping: ", "Tick late": "stopping: ",
		"Collected": "stopping: ", "Prepared": "stopping: ",
		"TasksStopped": "aborting: Abort",
		"InputEnded":   "stopping: ", "Stop": "stopping: ", "Failed": "stopping: ",
	},
	StateAborting: {
		"Tick early": "aborting: ", "Tick late": "aborting: ",
		"AbortDone":  "ended: End(restart)",
		"InputEnded": "aborting: ", "Stop": "aborting: ", "Failed": "aborting: ",
	},
	StateEnded: {},
}

func TestEveryStateAndEvent(t *testing.T) {
	require.Len(t, pairs, int(stateCount))
	for s := range stateCount {
		for _, e := range pairEvents {
			t.Run(s.String()+"/"+e.name, func(t *testing.T) {
				r := newRig(t, testConfig()).to(s)
				want, ok := pairs[s][e.name]
				if quiet := e.name == "Trigger" || e.name == "Pause" || e.name == "Resume"; quiet &&
					!ok && s != StateEnded {
					want, ok = s.String()+": ", true // noted, whatever the state
				}
				if !ok {
					require.Panics(t, func() { r.step(e.ev) })
					return
				}
				r.now += e.at
				effects := r.step(e.ev)
				require.Equal(t, want, r.m.State().String()+": "+names(effects))
			})
		}
		for name := range pairs[s] {
			require.True(t, hasPairEvent(name), "table names %q, which is no event", name)
		}
	}
}

func hasPairEvent(name string) bool {
	for _, e := range pairEvents {
		if e.name == name {
			return true
		}
	}
	return false
}

func TestLifeOfABoundedJob(t *testing.T) {
	r := newRig(t, testConfig())
	require.Equal(t, "Claim", names(r.step(Start{})))
	effects := r.step(claimed())
	require.Equal(t, "Recover", names(effects))
	require.Equal(t, claimed().Manifest, effects[0].(Recover).Manifest)
	effects = r.step(RecoverDone{})
	require.Equal(t, "MarkApplied Begin(8) StartTasks", names(effects))
	require.Equal(t, Epoch(6), effects[0].(MarkApplied).Epoch)
	require.Equal(t, claimed().Manifest, effects[2].(StartTasks).Manifest)

	require.Equal(t, "Prepare(8,false)", names(r.tick()))
	require.Equal(t, time.Second, r.now)
	require.Empty(t, r.step(prepared(1, 8)))
	require.Empty(t, r.step(collected(8)))
	effects = r.step(prepared(0, 8))
	require.Equal(t, "Decide", names(effects))
	m := effects[0].(Decide).Manifest
	require.Equal(t, Epoch(8), m.Epoch)
	require.Equal(t, "id", m.JobID)
	require.Equal(t, uint64(3), m.Owner.Number)
	require.Equal(t, []Committable{{Sink: "out", Epoch: 8}, {Sink: "out", Task: 1, Epoch: 8}},
		m.Committables)

	require.Equal(t, "Begin(9) Commit(8)", names(r.step(DecideDone{Epoch: 8})))
	require.Empty(t, r.step(InputEnded{}), "the last epoch waits for the commit of this one (I3)")
	require.Equal(t, "Acknowledge MarkApplied Prepare(9,true)",
		names(r.step(CommitDone{Epoch: 8})))
	done := Collected{Epoch: 9, Sources: []SourceProgress{{Name: "in", Done: true}}}
	require.Empty(t, r.step(done))
	require.Empty(t, r.step(drained(0, 9)))
	effects = r.step(drained(1, 9))
	m = effects[0].(Decide).Manifest
	require.True(t, m.Finished())
	require.Equal(t, "Commit(9)", names(r.step(DecideDone{Epoch: 9})), "no epoch begins any more")
	require.Equal(t, "Acknowledge MarkApplied StopTasks", names(r.step(CommitDone{Epoch: 9})))
	require.Equal(t, "End(finished)", names(r.step(TasksStopped{})))
}

func TestStopEndsAfterOneMoreEpoch(t *testing.T) {
	r := newRig(t, testConfig()).to(StateRunning)
	require.Equal(t, "Prepare(8,true)", names(r.step(Stop{})))
	r.step(collected(8))
	r.step(prepared(0, 8))
	r.step(prepared(1, 8))
	r.step(DecideDone{Epoch: 8})
	r.step(CommitDone{Epoch: 8})
	require.Equal(t, "End(stopped)", names(r.step(TasksStopped{})))
}

func TestStopBeforeTasksRunDecidesNothing(t *testing.T) {
	r := newRig(t, testConfig()).to(StateClaiming)
	require.Empty(t, r.step(Stop{}))
	require.Equal(t, "Recover", names(r.step(claimed())), "what was decided is still published")
	require.Equal(t, "MarkApplied End(stopped)", names(r.step(RecoverDone{})))
}

func TestTriggerKeepsIntervalAndPause(t *testing.T) {
	tests := []struct {
		name      string
		committed time.Duration // when the epoch of second 1 is committed
		want      time.Duration
	}{
		{"quick epoch waits for the interval", 1100 * time.Millisecond, 2 * time.Second},
		{"slow epoch waits for the pause", 2500 * time.Millisecond, 2800 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testConfig()).to(StateCommitting)
			r.now = tt.committed
			require.Equal(t, "Acknowledge MarkApplied", names(r.step(CommitDone{Epoch: 8})))
			next, ok := r.m.Next()
			require.True(t, ok)
			require.Equal(t, tt.want, next)
		})
	}
}

func TestNoIntervalMeansOnlyAFinalEpoch(t *testing.T) {
	cfg := testConfig()
	cfg.Interval = 0
	r := newRig(t, cfg)
	r.step(Start{})
	r.step(claimed())
	r.step(RecoverDone{})
	_, ok := r.m.Next()
	require.False(t, ok)
	r.now = time.Hour
	require.Empty(t, r.step(Tick{}))
	require.Equal(t, "Prepare(8,true)", names(r.step(Stop{})))
}

func TestTimeoutIsCountedAndTheSameAttemptGoesOn(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.step(prepared(0, 8))
	require.Empty(t, r.tick(), "the first timeout is tolerable")
	require.Equal(t, 1, r.m.Failures())
	r.step(collected(8))
	require.Equal(t, "Decide", names(r.step(prepared(1, 8))), "the late part completes it")
	r.step(DecideDone{Epoch: 8})
	require.Zero(t, r.m.Failures(), "a decided epoch ends the row")
}

func TestTooManyTimeoutsEndWithRestart(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.step(prepared(0, 8))
	r.tick()
	require.Equal(t, "StopTasks", names(r.tick()))
	r.step(prepared(1, 8)) // was on its way
	effects := r.step(TasksStopped{})
	require.Len(t, effects[0].(Abort).Committables, 2, "Decide was never called: all is undone")
	effects = r.step(AbortDone{})
	require.Equal(t, "End(restart)", names(effects))
	require.ErrorIs(t, effects[0].(End).Err, ErrTimeout)
	require.ErrorContains(t, effects[0].(End).Err, "2 in a row, 1 tolerable")
}

func TestDecideThatSaysNotDecidedIsRepeated(t *testing.T) {
	r := newRig(t, testConfig()).to(StateDecideWait)
	effects := r.tick()
	require.Equal(t, "Decide", names(effects))
	require.Len(t, effects[0].(Decide).Manifest.Committables, 2, "with the same manifest")
	require.Equal(t, "StopTasks", names(r.step(DecideDone{Epoch: 8, Err: errStore})))
	effects = r.step(TasksStopped{})
	require.Equal(t, "End(restart)", names(effects), "no Abort once Decide was called (I2)")
	require.ErrorIs(t, effects[0].(End).Err, errStore)
}

func TestDecideThatLostItsEpochIsNotRepeated(t *testing.T) {
	r := newRig(t, testConfig()).to(StateDeciding)
	lost := fmt.Errorf("ending the transaction: %w", ErrEpochLost)
	require.Equal(t, "StopTasks", names(r.step(DecideDone{Epoch: 8, Err: lost})))
	require.Zero(t, r.m.Failures(), "there is no row of failures to bear")
	effects := r.step(TasksStopped{})
	require.Equal(t, "End(restart)", names(effects), "Recover of the next claim discards (I2)")
	require.ErrorIs(t, effects[0].(End).Err, ErrEpochLost)
}

func TestDecideThatIsRefusedIsNotRestarted(t *testing.T) {
	refused := DecideDone{Epoch: 8, Err: ErrEpochLost, Fatal: true}
	r := newRig(t, testConfig()).to(StateDeciding)
	r.step(refused)
	require.Equal(t, "End(fatal)", names(r.step(TasksStopped{})))

	r = newRig(t, testConfig()).to(StateDeciding)
	r.step(Failed{Err: errTask})
	r.step(refused)
	require.Equal(t, "End(fatal)", names(r.step(TasksStopped{})), "also when it comes late")
}

func TestWhatIsRefusedForGoodIsNotRestarted(t *testing.T) {
	for state, answer := range map[State]Event{
		StateClaiming:   ClaimDone{Err: errStore, Fatal: true},
		StateRecovering: RecoverDone{Err: errStore, Fatal: true},
		StateCommitting: CommitDone{Epoch: 8, Err: errStore, Fatal: true},
	} {
		r := newRig(t, testConfig()).to(state)
		effects := r.step(answer)
		if state == StateCommitting {
			require.Equal(t, "StopTasks", names(effects))
			effects = r.step(TasksStopped{})
		}
		require.Equal(t, "End(fatal)", names(effects), "%s", state)
		require.ErrorIs(t, effects[0].(End).Err, errStore)
	}
}

func TestCommitIsRepeatedForAsLongAsItTakes(t *testing.T) {
	r := newRig(t, testConfig()).to(StateCommitWait)
	var waits []time.Duration
	for range 10 {
		before := r.now
		require.Equal(t, "Commit(8)", names(r.tick()))
		waits = append(waits, r.now-before)
		require.Empty(t, r.step(CommitDone{Epoch: 8, Err: errStore, Retryable: true}))
	}
	require.Equal(t, retryDelayMin, waits[0])
	require.Equal(t, 2*retryDelayMin, waits[1])
	require.Equal(t, retryDelayMax, waits[9])
	require.Zero(t, r.m.Failures(), "a decided epoch has not failed")
}
