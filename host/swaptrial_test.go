package host

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/task"
)

func TestJudge(t *testing.T) {
	tests := []struct {
		name     string
		old, now operator.Vitals
		want     string
	}{
		{"nothing seen", operator.Vitals{}, operator.Vitals{}, ""},
		{"as good", operator.Vitals{Records: 1000}, operator.Vitals{Records: 1000}, ""},
		{"a trap where there was none", operator.Vitals{Records: 1000},
			operator.Vitals{Records: 5, Traps: 1}, "trapped 1 times on 5 records"},
		{"a trap where there were some", operator.Vitals{Records: 1000, Traps: 1},
			operator.Vitals{Records: 1000, Traps: 5}, ""},
		{"too few records to tell", operator.Vitals{Records: 1000},
			operator.Vitals{Records: 99, Refused: 99}, ""},
		{"within the budget", operator.Vitals{Records: 1000, Refused: 100},
			operator.Vitals{Records: 1000, Refused: 150}, ""},
		{"beyond it, which may be chance", operator.Vitals{Records: 1000, Refused: 100},
			operator.Vitals{Records: 1000, Refused: 200}, ""},
		{"beyond it and chance", operator.Vitals{Records: 1000, Refused: 100},
			operator.Vitals{Records: 1000, Refused: 210}, "refuses 0.2100 of its records"},
		{"beyond it by little and for long", operator.Vitals{Records: 1000, Refused: 100},
			operator.Vitals{Records: 1000000, Refused: 152000}, "refuses 0.1520 of its records"},
		{"one bad one in a hundred, which came together", operator.Vitals{Records: 800, Refused: 8},
			operator.Vitals{Records: 126, Refused: 8}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := judge(tt.old, tt.now, 0.05)
			if tt.want == "" {
				require.Empty(t, got)
				return
			}
			require.Contains(t, got, tt.want)
		})
	}
}

// boardRig is a switchboard with a trial of a plugin that works in stage "mark".
type boardRig struct {
	*switchboard
	trial *trial
}

func newBoardRig(trusted bool) *boardRig {
	p := &plugin{
		Plugin: &config.Plugin{Name: "marks", Swap: config.PluginSwap{Probation: 2}},
		uses:   []use{{step: "mark"}},
	}
	a := &attempt{}
	r := &boardRig{newSwitchboard(time.Now), &trial{
		plugin: p, old: &version{}, next: &version{}, attempt: a, trusted: trusted,
	}}
	p.become(r.trial.old)
	r.started(a)
	r.propose(r.trial)
	return r
}

// What can happen to a trial. Epoch 8 is the first of the new version.
func (r *boardRig) take()   { r.switchboard.take(r.trial.attempt, 7) }
func (r *boardRig) decide() { r.decided(8) }
func (r *boardRig) idle()   { r.decided(r.trial.counted + 1) }
func (r *boardRig) later()  { r.trial.next.health.Saw(1, 0); r.idle() }
func (r *boardRig) fail()   { r.over(errors.New("disk on fire")) }
func (r *boardRig) claim()  { r.claimed(20, nil) }
func (r *boardRig) blame() {
	r.blames(connectors.Permanent(&task.RecordError{Stage: "mark"}), 1)
	r.over(errors.New("refused a record"))
}

func TestTrialStates(t *testing.T) {
	take, decide, later := (*boardRig).take, (*boardRig).decide, (*boardRig).later
	fail, claim, blame := (*boardRig).fail, (*boardRig).claim, (*boardRig).blame
	idle := (*boardRig).idle
	told := func(r *boardRig) { r.retry() }
	type steps []func(*boardRig)
	tests := []struct {
		name    string
		trusted bool
		steps   steps
		want    trialState
		runs    string // version afterwards
		again   bool   // without a restart strategy
	}{
		{"offered", false, nil, trialOffered, "old", false},
		{"attempt over before", false, steps{fail}, trialStale, "old", false},
		{"taken", false, steps{take}, trialOn, "next", false},
		{"decided", false, steps{take, decide}, trialProving, "next", false},
		{"decided twice is once", false, steps{take, decide, decide, decide}, trialProving, "next",
			false},
		{"proved", false, steps{take, decide, later, later}, trialSettled, "next", false},
		{"epochs without records prove nothing", false, steps{take, decide, idle, later, idle, idle},
			trialProving, "next", false},
		{"attempt over in trial", false, steps{take, fail}, trialUndecided, "next", false},
		{"and claimed", false, steps{take, fail, claim}, trialLost, "old", false},
		{"blamed in trial", false, steps{take, blame}, trialUndecided, "next", true},
		{"blamed in trial and claimed", false, steps{take, blame, claim}, trialLost, "old", true},
		{"blamed, then an attempt without a claim", false, steps{take, blame, told, fail},
			trialUndecided, "next", false},
		{"blamed while proving, then an attempt without a claim", false,
			steps{take, decide, blame, told, fail}, trialProving, "next", false},
		{"and with one", false, steps{take, blame, told, fail, claim}, trialLost, "old", false},
		{"attempt over while proving", false, steps{take, decide, fail, claim}, trialProving, "next",
			false},
		{"blamed while proving", false, steps{take, decide, blame, claim}, trialLost, "old", true},
		{"trusted is not proved", true, steps{take, decide}, trialSettled, "next", false},
		{"trusted comes with the claim", true, steps{fail, claim}, trialSettled, "next", false},
		{"trusted, and what it replaces fails", true, steps{blame, claim}, trialSettled, "next", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newBoardRig(tt.trusted)
			for _, step := range tt.steps {
				step(r)
			}
			require.Equal(t, tt.want, r.view(r.trial).state)
			want := map[string]*version{"old": r.trial.old, "next": r.trial.next}[tt.runs]
			require.Same(t, want, r.trial.plugin.current())
			require.Equal(t, tt.again, r.retry())
			require.False(t, r.retry(), "it is told once")
		})
	}
}

func TestOnlyTheFirstEpochWaitsForTheBytes(t *testing.T) {
	r := newBoardRig(false)
	require.Nil(t, r.pending(8))
	r.take()
	require.Nil(t, r.pending(7), "the old version made it")
	require.Same(t, r.trial.next, r.pending(8))
	r.decide()
	require.Nil(t, r.pending(9))
}

func TestAFailureOfOthersIsNotBlamedOnATrial(t *testing.T) {
	r := newBoardRig(false)
	require.False(t, r.blames(&RollbackError{"marks", "traps"}, 1), "it is not in use yet")
	r.take()
	require.False(t, r.blames(connectors.Permanent(&task.RecordError{Stage: "out"}), 1))
	require.True(t, r.blames(&RollbackError{"marks", "traps"}, 1))
}

func TestHistoryForgetsTheOldest(t *testing.T) {
	h := history{now: time.Now}
	var last uint64
	for range swapsKept + 3 {
		last = h.begin("a", TriggerCommand, Version{})
	}
	h.update(1, func(*Swap) { t.Error("it is forgotten") })
	h.update(last, func(s *Swap) { s.State = SwapRefused })
	list := h.of("a")
	require.Len(t, list, swapsKept)
	require.NotNil(t, list[swapsKept-1].Ended)
	require.Equal(t, uint64(1), h.count(SwapRefused))
	require.Equal(t, checkpoint.Epoch(0), list[0].First)
	require.Empty(t, h.of("b"))
}
