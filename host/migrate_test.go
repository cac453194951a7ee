package host

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// stateful returns a plugin whose transform drops every record, with state of a version.
func stateful(version int, migrate []byte, data ...[]byte) []byte {
	header := make([]byte, abi.OutputHeaderSize)
	header[abi.OutputOffSize] = abi.OutputHeaderSize
	return Guest{
		Description: fmt.Sprintf(`{"name":"stateful","version":"%d","functions":[{"name":"mark",`+
			`"role":"transform"}],"state_version":%d}`, version, version),
		// consumed = count
		Process: Join(I32Const(OutputAt+abi.OutputOffConsumed),
			I32Const(RegionAt+abi.FrameOffCount), []byte{0x28, 2, 0}, []byte{0x36, 2, 0},
			I32Const(OutputAt)),
		Data: append([][]byte{DataAt(OutputAt, header)}, data...), Migrate: migrate,
	}.Module()
}

// said is the answer of a migration, and where it stands.
func said(status byte, text string) (code, data []byte) {
	const at = 48 << 10
	answer := append([]byte{status, 0, 0, 0, 0, 0, 0, 0}, text...)
	return I64Const(int64(abi.Pack(at, uint32(len(answer))))), DataAt(at, answer)
}

func TestSwapOfAPluginWithAnotherStateVersion(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 1000"
	b.start()
	old := b.engine.Plugins()[0].Current
	yes, yesData := said(0, "")
	no, noData := said(1, "from 7 on only")
	for _, tt := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"no migration", stateful(2, nil), "its state has version 2, that of the version in use 0, and " +
			"it does not export wasmflow_migrate"},
		{"refuses", stateful(2, no, noData),
			"taking over state of version 0 to version 2: from 7 on only"},
		{"traps", stateful(2, Join(Unreachable(), I64Const(0))), "wasmflow_migrate trapped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := b.swap(SwapRequest{Path: b.write("next.wasm", tt.module)})
			require.Equal(t, SwapRefused, s.State)
			require.Contains(t, s.Reason, tt.want)
			require.Equal(t, old, b.engine.Plugins()[0].Current)
		})
	}
	s := b.swap(SwapRequest{Path: b.write("next.wasm", stateful(2, yes, yesData))}, SwapProbation)
	require.Equal(t, SwapDone, s.State, "%s; it has no probation, for there is no way back", s.Reason)
	require.Equal(t, uint32(2), s.To.StateVersion)

	back := b.swap(SwapRequest{Back: true})
	require.Equal(t, SwapRefused, back.State)
	require.Contains(t, back.Reason,
		"taking over state of version 2 to version 0: the plugin has no migration")
	b.stop()
}

// TestTrialOfAMigration: what was written in the new form is not read by the old version, so there
// is no way back once any of it is decided.
func TestTrialOfAMigration(t *testing.T) {
	r := newBoardRig(false)
	r.trial.migrates = true
	r.take()
	r.blame()
	r.claim()
	require.Equal(t, trialLost, r.trial.state, "nothing of it was decided")
	require.Equal(t, r.trial.old, r.trial.plugin.current())

	r = newBoardRig(false)
	r.trial.migrates = true
	r.take()
	r.decide()
	require.Equal(t, trialSettled, r.trial.state)
	r.blame()
	r.claim()
	require.Equal(t, trialSettled, r.trial.state)
	require.Equal(t, r.trial.next, r.trial.plugin.current())
	require.False(t, r.retry(), "the restart strategy decides, as for any plugin that fails")
}
