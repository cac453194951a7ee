package checkpoint

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// pass drives the epoch in progress from Prepare to its end.
func (r *rig) pass(e Epoch) []Effect {
	r.t.Helper()
	r.step(collected(e))
	r.step(prepared(0, e))
	r.step(prepared(1, e))
	r.step(DecideDone{Epoch: e})
	return r.step(CommitDone{Epoch: e})
}

func TestPauseAndResume(t *testing.T) {
	quiet := func(r *rig) {
		t.Helper()
		require.True(t, r.m.Quiet())
		_, ok := r.m.Next()
		require.False(t, ok, "nothing is due while the group is paused")
		r.now += time.Hour
		require.Empty(t, r.step(Tick{}))
	}
	for _, tt := range []struct {
		name string
		in   State // when Pause comes
		want string
	}{
		{"between epochs", StateRunning, "Acknowledge MarkApplied"},
		// Tasks that have prepared epoch 8 already worked on 9, which is therefore needed too.
		{"while an epoch is prepared", StatePreparing,
			"Acknowledge MarkApplied Prepare(9,false)"},
		{"before the tasks run", StateClaiming, "Acknowledge MarkApplied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, testConfig()).to(tt.in)
			r.step(Pause{})
			require.False(t, r.m.Quiet())
			if tt.in == StateClaiming {
				r.step(claimed())
				require.Equal(t, "MarkApplied Begin(8) StartTasks Prepare(8,false)",
					names(r.step(RecoverDone{})))
			}
			require.Equal(t, tt.want, names(r.pass(8)))
			last := Epoch(8)
			if strings.Contains(tt.want, "Prepare(9") {
				require.False(t, r.m.Quiet())
				last = 9
				r.pass(last)
			}
			quiet(r)
			require.Equal(t, fmt.Sprintf("Prepare(%d,false)", last+1), names(r.step(Trigger{})),
				"an epoch can be asked for meanwhile")
			require.False(t, r.m.Quiet())
			last++
			r.pass(last)
			quiet(r)
			require.Equal(t, fmt.Sprintf("Prepare(%d,false)", last+1), names(r.step(Pause{})),
				"a pause asked for anew may have had something read before it")
			last++
			r.pass(last)

			require.Empty(t, r.step(Resume{}))
			require.False(t, r.m.Quiet())
			at, ok := r.m.Next()
			require.True(t, ok)
			require.Equal(t, r.now+time.Second, at, "the interval begins with the work")
			require.Empty(t, r.step(Resume{}), "nothing is left to resume")
			require.Equal(t, fmt.Sprintf("Prepare(%d,false)", last+1), names(r.tick()))
		})
	}
	t.Run("stop", func(t *testing.T) {
		r := newRig(t, testConfig()).to(StateRunning)
		r.step(Pause{})
		r.pass(8)
		require.Equal(t, "Prepare(9,true)", names(r.step(Stop{})))
	})
}

func TestTriggerDoesNotWait(t *testing.T) {
	cfg := testConfig()
	cfg.Interval = 0
	r := newRig(t, cfg).to(StateRecovering)
	r.step(RecoverDone{})
	require.Equal(t, "Prepare(8,false)", names(r.step(Trigger{})), "without an interval too")
	require.Empty(t, r.step(Trigger{}))
	require.Equal(t, "Acknowledge MarkApplied Prepare(9,false)", names(r.pass(8)),
		"what came while an epoch was prepared is for the next one")
	require.Equal(t, "Acknowledge MarkApplied", names(r.pass(9)))
}
