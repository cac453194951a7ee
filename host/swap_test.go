package host

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

func TestSwapUnderLoad(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	const swaps = 4
	for i := range swaps {
		mark := fmt.Sprintf("-m%d", i)
		s := b.swap(SwapRequest{
			Path: b.write("next.wasm", moduleOf(mark)), Config: suffix(mark),
		}, SwapProbation)
		require.Contains(t, []SwapState{SwapProbation, SwapDone}, s.State, s.Reason)
		require.Equal(t, s.Comparison.Records, s.Comparison.Different)
		b.flow()
	}
	b.stop()
	require.Equal(t, swaps+1, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
	require.Zero(t, b.engine.Status().Restarts)
	require.GreaterOrEqual(t, b.engine.swaps.history.count(SwapDone), uint64(swaps-1),
		"the last one may have been proving itself when the job was stopped")
}

func TestSwapBrokenPluginsLeaveTheJobAsItIs(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	old := b.engine.Plugins()[0].Current
	hand := func(g wasmtest.Guest) []byte { return g.Module() }
	tests := []struct {
		name  string
		r     SwapRequest
		state SwapState
		want  string
	}{
		{"no file", SwapRequest{Path: filepath.Join(b.dir, "none.wasm")}, SwapRefused, "no such file"},
		{"garbage", SwapRequest{Path: b.write("a.wasm", []byte("garbage"))}, SwapRefused,
			"WebAssembly"},
		{"no guest ABI", SwapRequest{Path: b.write("b.wasm", wasmtest.Module())}, SwapRefused,
			"it is not a wasmflow plugin"},
		{"missing function", SwapRequest{Path: b.write("c.wasm", hand(wasmtest.Guest{}))}, SwapRefused,
			`has no function "mark"`},
		{"another digest than asked for", SwapRequest{
			Path: b.write("d.wasm", moduleOf("v2")), SHA256: strings.Repeat("a", 64),
		}, SwapRefused, "has SHA-256"},
		{"traps in open", SwapRequest{Config: json.RawMessage(`{"open":"trap"}`)}, SwapRefused,
			"trapped in "},
		{"refuses its configuration", SwapRequest{Config: json.RawMessage(`{"open":"refuse"}`)},
			SwapRefused, "told to refuse"},
		{"traps on a live record", SwapRequest{Config: json.RawMessage(`{"trap":"7"}`)}, SwapRefused,
			"the version before it never did"},
		{"other output than expected", SwapRequest{Config: suffix("-v2"), ExpectSame: true},
			SwapRefused, "of the trial differently"},
		{"the version in use", SwapRequest{Config: suffix("-v1")}, SwapRefused,
			"it is the version that is in use"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := b.swap(tt.r)
			require.Equal(t, tt.state, s.State)
			require.Contains(t, s.Reason, tt.want)
			require.Equal(t, old, b.engine.Plugins()[0].Current)
			require.Zero(t, s.First, "no epoch had anything of it")
		})
	}
	b.stop()
	require.Equal(t, 1, b.requireOneVersionPerEpoch())
	require.Zero(t, b.engine.Status().Restarts)
}

func TestSwapReturnsByARestartWhenTheFirstEpochGoesWrong(t *testing.T) {
	for _, onError := range []string{"skip", "fail"} {
		t.Run("on_error "+onError, func(t *testing.T) {
			b := newSwapBench(t, 0)
			b.swaps, b.onError = "sample = 0, probation = 1000", onError
			b.start()
			old := b.engine.Plugins()[0].Current
			broken := json.RawMessage(`{"suffix":"-v2","trap":"7"}`)
			s := b.swap(SwapRequest{Config: broken})
			require.Equal(t, SwapReturned, s.State)
			require.Contains(t, s.Reason, "trap")
			require.NotZero(t, s.First)
			require.Equal(t, old, b.engine.Plugins()[0].Current)
			captures, err := filepath.Glob(
				filepath.Join(b.dir, ".wasmflow", "captures", "swapped", "marks-*.wfb"))
			require.NoError(t, err)
			require.NotEmpty(t, captures, "what the new version failed on is kept")
			b.flow()
			good := b.swap(SwapRequest{Config: suffix("-v3")}, SwapProbation)
			require.Empty(t, good.Reason)
			b.flow()
			b.stop()
			versions := b.requireOneVersionPerEpoch()
			if !b.decided(broken) { // or no 7 was read in its first epoch
				require.Equal(t, 2, versions, "nothing of v2 was published")
				require.Equal(t, 1, b.engine.Status().Restarts, "no restart strategy is asked")
			}
			b.requireNothingLostOrDoubled()
		})
	}
}

func TestSwapReturnsWhenTheNewVersionAnswersNonsense(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 2"
	b.start()
	old := b.engine.Plugins()[0].Current
	liar := wasmtest.Guest{
		Description: `{"name":"liar","version":"1","functions":[{"name":"mark","role":"transform"}]}`,
		Process:     wasmtest.I32Const(-4), // its output would begin there
	}
	s := b.swap(SwapRequest{Path: b.write("liar.wasm", liar.Module())})
	require.Equal(t, SwapReturned, s.State)
	require.Contains(t, s.Reason, "failed: ")
	require.Equal(t, old, b.engine.Plugins()[0].Current)
	b.stop()
	require.LessOrEqual(t, b.requireOneVersionPerEpoch(), 1, "nothing of the liar was decided")
	require.Equal(t, 1, b.engine.Status().Restarts, "no restart strategy is asked")
	b.requireNothingLostOrDoubled()
}

func TestSwapReturnsWhileTheNewVersionProvesItself(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 0, probation = 1000"
	b.start()
	b.flow()
	// An instance works for many epochs before it traps.
	s := b.swap(SwapRequest{Config: json.RawMessage(`{"suffix":"-v2","after":10000}`)})
	require.Equal(t, SwapReturned, s.State)
	require.Regexp(t, `trapped [12] times on`, s.Reason,
		"both tasks may be there before the host looks")
	require.Greater(t, s.Back, s.First)
	b.stop()
	require.Equal(t, 2, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
	require.Zero(t, b.engine.Status().Restarts)
}

func TestSwapReturnsByARestartWhenProvingFailsTheJob(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps, b.onError = "sample = 0, probation = 1000", "fail"
	b.start()
	from := 8*b.engine.Status().Stages["lines"].Out + 20_000
	s := b.swap(SwapRequest{Config: fmt.Appendf(nil, `{"suffix":"-v2","from":%d}`, from)})
	require.Equal(t, SwapReturned, s.State)
	b.stop()
	b.requireOneVersionPerEpoch()
	b.requireNothingLostOrDoubled()
	require.Equal(t, 1, b.engine.Status().Restarts)
}

func TestSwapBackToTheVersionBefore(t *testing.T) {
	b := newSwapBench(t, 0)
	b.swaps = "sample = 10, probation = 0"
	b.start()
	_, err := b.engine.Swap(SwapRequest{Plugin: "marks", Back: true})
	require.ErrorIs(t, err, ErrSwapRefused)
	old := b.engine.Plugins()[0].Current
	b.flow()
	require.Equal(t, SwapDone, b.swap(SwapRequest{Config: suffix("-v2")}).State)
	b.flow()
	require.Equal(t, SwapDone, b.swap(SwapRequest{Back: true}).State)
	require.Equal(t, old, b.engine.Plugins()[0].Current)
	b.stop()
	require.Equal(t, 2, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
}

func TestSwapRequestsThatAreRefusedAtOnce(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	defer b.stop()
	for _, tt := range []struct {
		name string
		r    SwapRequest
		want error
	}{
		{"unknown plugin", SwapRequest{Plugin: "x", Config: suffix("")}, ErrNoPlugin},
		{"nothing new", SwapRequest{Plugin: "marks"}, ErrSwapRefused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := b.engine.Swap(tt.r)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestRestartGoesOnWithTheVersionOfTheLastEpoch(t *testing.T) {
	b := newSwapBench(t, 0)
	b.start()
	first := b.engine.Plugins()[0].Current
	s := b.swap(SwapRequest{Path: b.write("next.wasm", moduleOf("v2")), Config: suffix("-v2")},
		SwapProbation)
	second := *s.To
	b.flow()
	b.stop()

	b.start()
	require.Equal(t, second.SHA256, b.engine.Plugins()[0].Current.SHA256)
	b.stop()
	require.Empty(t, b.engine.Plugins()[0].Swaps, "the job file names what it named before")

	b.write("marks.wasm", []byte("garbage"))
	b.start()
	require.Equal(t, second.SHA256, b.engine.Plugins()[0].Current.SHA256)
	refused := b.await(1)
	require.Equal(t, SwapRefused, refused.State)
	require.Equal(t, TriggerStart, refused.Trigger)
	b.stop()

	b.write("marks.wasm", moduleOf("v3"))
	b.start()
	third := b.await(1, SwapProbation)
	require.Equal(t, first.Config, third.To.Config, "the job file says so")
	require.Empty(t, third.Reason)
	b.flow()
	b.stop()
	require.Equal(t, 3, b.requireOneVersionPerEpoch())
	b.requireNothingLostOrDoubled()
}
