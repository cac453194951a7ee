package checkpoint

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEndingWaitsForTheCallUnderWay(t *testing.T) {
	tests := []struct {
		name   string
		answer DecideDone
		want   string
	}{
		{"decided after all: Recover of the next claim publishes", DecideDone{Epoch: 8},
			"End(restart)"},
		{"fenced is worse than failed", DecideDone{Epoch: 8, Err: ErrFenced}, "End(fenced)"},
		{"unknown outcome", DecideDone{Epoch: 8, Err: ErrOutcomeUnknown}, "End(restart)"},
		{"lost with its transaction", DecideDone{Epoch: 8, Err: ErrEpochLost}, "End(restart)"},
	}
	for _, tt := range tests {
		for _, answerFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, answer first %v", tt.name, answerFirst), func(t *testing.T) {
				r := newRig(t, testConfig()).to(StateDeciding)
				require.Equal(t, "StopTasks", names(r.step(Failed{Err: errTask})))
				events := []Event{TasksStopped{}, tt.answer}
				if answerFirst {
					events = []Event{tt.answer, TasksStopped{}}
				}
				require.Empty(t, r.step(events[0]))
				effects := r.step(events[1])
				require.Equal(t, tt.want, names(effects), "and no Abort (I2)")
				require.ErrorIs(t, effects[0].(End).Err, errTask)
			})
		}
	}
}

func TestFencedOwnerAbortsNothing(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.step(prepared(0, 8))
	r.step(Failed{Err: fmt.Errorf("beginning epoch 8: %w", ErrFenced)})
	require.Equal(t, "End(fenced)", names(r.step(TasksStopped{})))
}

func TestLateFailureDoesNotUndoAFinishedJob(t *testing.T) {
	r := newRig(t, testConfig()).to(StateRunning)
	r.step(Stop{})
	r.step(collected(8))
	r.step(prepared(0, 8))
	r.step(prepared(1, 8))
	r.step(DecideDone{Epoch: 8})
	r.step(CommitDone{Epoch: 8})
	r.step(Failed{Err: errTask})
	effects := r.step(TasksStopped{})
	require.Equal(t, "End(stopped)", names(effects))
	require.ErrorIs(t, effects[0].(End).Err, errTask, "but it is told")
}

func TestFatalFailureIsNotRestarted(t *testing.T) {
	r := newRig(t, testConfig()).to(StateRunning)
	r.step(Failed{Err: errTask, Fatal: true})
	require.Equal(t, "End(fatal)", names(r.step(TasksStopped{})))
}

func TestSecondPartOfATaskPanics(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.step(prepared(0, 8))
	require.PanicsWithValue(t,
		"checkpoint: second or foreign report of task 0 for epoch 8 in epoch 8",
		func() { r.step(prepared(0, 8)) })
	require.Panics(t, func() { r.step(prepared(1, 9)) })
	r.step(collected(8))
	require.Panics(t, func() { r.step(collected(8)) })
}

func TestTimeNeverFalls(t *testing.T) {
	r := newRig(t, testConfig()).to(StatePreparing)
	r.now = 0 // a driver whose clock jumps back must not shorten the timeout
	require.Empty(t, r.step(Tick{}))
	next, _ := r.m.Next()
	require.Equal(t, 11*time.Second, next)
}

func TestClaimRefusesASourceThatLeftTheJobFile(t *testing.T) {
	cfg := testConfig()
	cfg.Sources = []string{"other"}
	r := newRig(t, cfg)
	r.step(Start{})
	effects := r.step(claimed())
	require.Equal(t, "End(fatal)", names(effects))
	require.ErrorIs(t, effects[0].(End).Err, ErrRefused)
	require.ErrorContains(t, effects[0].(End).Err, `--drop-source in`)

	cfg.DropSources = []string{"in"}
	r = newRig(t, cfg)
	r.step(Start{})
	effects = r.step(claimed())
	require.Equal(t, "Recover", names(effects))
	require.Empty(t, effects[0].(Recover).Manifest.Sources)
	require.Len(t, effects[0].(Recover).Manifest.Committables, 1, "its output is still finished")
}

func TestGenerationRisesWithParallelism(t *testing.T) {
	tests := []struct {
		name        string
		parallelism int
		found       bool
		want        uint64
	}{
		{"same", 2, true, 1}, {"other", 5, true, 2}, {"first run", 2, false, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := testConfig()
			cfg.Parallelism = tt.parallelism
			r := newRig(t, cfg)
			r.step(Start{})
			done := claimed()
			if done.Found = tt.found; !tt.found {
				done.Manifest.Generation = 0
			}
			require.Equal(t, tt.want, r.step(done)[0].(Recover).Manifest.Generation)
		})
	}
}

func TestOutcomeOf(t *testing.T) {
	for err, want := range map[error]Outcome{
		ErrFenced: Fenced, ErrLost: Fatal, ErrCorrupt: Fatal, ErrNewerFormat: Fatal,
		ErrOtherJob: Fatal, ErrBusy: Fatal, ErrRefused: Fatal,
		ErrOutcomeUnknown: Restart, ErrEpochLost: Restart, ErrTimeout: Restart, errTask: Restart,
	} {
		require.Equal(t, want, outcomeOf(fmt.Errorf("doing: %w", err), false), "%v", err)
	}
}
