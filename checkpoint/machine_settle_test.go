package checkpoint

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// settling drives a machine whose sinks settle until SettleDone is due.
func settling(t *testing.T) *rig { return newRig(t, testConfig()).to(StateSettling) }

func TestSettledOutputIsWhatIsDecidedAndPublished(t *testing.T) {
	r := settling(t)
	effects := r.step(SettleDone{
		Epoch: 8, Committables: []Committable{{Sink: "out", Data: []byte("joined")}},
		Held: []Committable{{Sink: "out", Epoch: 5, Data: []byte("kept")}},
	})
	m := effects[0].(Decide).Manifest
	require.Equal(t, []Committable{{Sink: "out", Epoch: 8, Data: []byte("joined")}}, m.Committables)
	require.Equal(t, []Committable{{Sink: "out", Epoch: 5, Data: []byte("kept")}}, m.Held)
	effects = r.step(DecideDone{Epoch: 8})
	require.Equal(t, m.Committables, effects[1].(Commit).Committables)
}

func TestHeldOutputStaysHeldWhereNobodySettles(t *testing.T) {
	held := []Committable{{Sink: "out", Epoch: 5}}
	r := newRig(t, testConfig())
	r.step(Start{})
	c := claimed()
	c.Manifest.Held = held
	r.step(c)
	r.step(RecoverDone{})
	r.tick()
	r.step(collected(8))
	r.step(prepared(0, 8))
	require.Equal(t, held, r.step(prepared(1, 8))[0].(Decide).Manifest.Held)
}

func TestFailureWhileSettlingThrowsPreparedOutputAwayOnly(t *testing.T) {
	tests := []struct {
		name   string
		events []Event
	}{
		{"the Settler fails", []Event{SettleDone{Epoch: 8, Err: errStore}}},
		{"a task fails before it is done", []Event{
			Failed{Err: errTask},
			SettleDone{Epoch: 8, Committables: []Committable{{Sink: "out", Data: []byte("held before")}}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := settling(t)
			for _, ev := range tt.events {
				r.step(ev)
			}
			effects := r.step(TasksStopped{})
			require.Equal(t, "Abort", names(effects))
			require.Len(t, effects[0].(Abort).Committables, 2)
			for _, c := range effects[0].(Abort).Committables {
				require.Empty(t, c.Data, "what an earlier epoch named is not thrown away")
			}
			require.Equal(t, "End(restart)", names(r.step(AbortDone{})))
		})
	}
}
