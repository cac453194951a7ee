package meter_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/wasmflow/wasmflow/host/guest/meter"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// FuzzRewrite: whatever the reader lets through is rewritten without a panic to something that the
// reader lets through again, and that is valid for the engine if and only if the module was.
func FuzzRewrite(f *testing.F) {
	n := 0
	engineModules(f, func(_ string, module []byte) {
		if n++; n%40 == 0 && len(module) < 4<<10 {
			f.Add(module)
		}
	})
	r := newRuntime(f, wazero.NewRuntimeConfigInterpreter())
	compile := func(module []byte) error {
		compiled, err := r.CompileModule(context.Background(), module)
		if err != nil {
			return err
		}
		return compiled.Close(context.Background())
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil {
			return
		}
		rewritten, err := meter.Rewrite(m)
		if err != nil {
			require.ErrorIs(t, err, meter.ErrReserved)
			return
		}
		_, err = wasm.Parse(rewritten)
		require.NoError(t, err)
		plain := compile(m.AppendStripped(nil))
		metered := compile(rewritten)
		require.Equal(t, plain == nil, metered == nil, "plain: %v\nmetered: %v", plain, metered)
	})
}

// overflows tells the end of the engine's stack.
func overflows(err error) bool {
	return err != nil && strings.Contains(err.Error(), "stack overflow")
}

// sameRun runs a generated module as it stands and rewritten.
func sameRun(t *testing.T, config wazero.RuntimeConfig, module []byte) {
	t.Helper()
	ctx := context.Background()
	rewritten, ok := rewrite(t, module)
	require.True(t, ok)
	r := newRuntime(t, config)
	anonymous := wazero.NewModuleConfig().WithName("")
	plain, err := r.InstantiateWithConfig(ctx, module, anonymous)
	require.NoError(t, err)
	metered, err := r.InstantiateWithConfig(ctx, rewritten, anonymous)
	require.NoError(t, err)
	for _, arg := range []uint64{0, 1, 1 << 31} {
		set(t, plain, "count", genRounds)
		set(t, metered, "count", genRounds)
		want, plainErr := plain.ExportedFunction("run").Call(ctx, arg)
		arm(t, metered, budget)
		set(t, metered, meter.GlobalDepth, 1<<30)
		got, meteredErr := metered.ExportedFunction("run").Call(ctx, arg)
		if overflows(plainErr) || overflows(meteredErr) {
			return // the rewritten one has other frames, and meets the end elsewhere
		}
		require.Equal(t, reason(plainErr), reason(meteredErr))
		require.Equal(t, want, got)
		require.Equal(t, get(t, plain, "count"), get(t, metered, "count"))
		requireSameMemory(t, plain, metered, "run")
		if plainErr == nil {
			require.GreaterOrEqual(t, get(t, metered, meter.GlobalDepth), int64(0))
			// M2: a count costs five units or more, so there is a bound from below. A function that is
			// short and straight is paid for by its caller; here that is the host, who does not.
			const priceOfCount, unpaidMax = 5, 100
			counted := genRounds - get(t, metered, "count")
			require.GreaterOrEqual(t, spent(t, metered, budget)+unpaidMax, priceOfCount*counted)
		}
	}
}

// FuzzSameResults compares generated programs.
func FuzzSameResults(f *testing.F) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		seed := make([]byte, 100+random.IntN(400))
		for i := range seed {
			seed[i] = byte(random.Uint32())
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		sameRun(t, wazero.NewRuntimeConfigInterpreter(), (&generator{in: in}).module())
	})
}

// TestSameResults does the same on the compiler, for a number of programs that does not vary.
func TestSameResults(t *testing.T) {
	programs := 300
	if raceEnabled {
		programs = 60
	}
	for seed := range uint64(programs) {
		random := rand.New(rand.NewPCG(seed, 1))
		in := make([]byte, 100+random.IntN(800))
		for i := range in {
			in[i] = byte(random.Uint32())
		}
		sameRun(t, wazero.NewRuntimeConfig(), (&generator{in: in}).module())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
