package guest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// loadOn loads a module made by hand on an engine.
func loadOn(
	t *testing.T, e guest.Engine, binary []byte, limits guest.Limits,
) (*guest.Module, error) {
	t.Helper()
	ctx := context.Background()
	m, err := newRuntime(t, guest.Config{Engine: e}).Load(ctx,
		guest.Source{Path: "plugin.wasm", Bytes: binary}, limits)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, m.Close(ctx)) })
	}
	return m, err
}

// short is a set of limits that a spinning guest meets soon.
func short() guest.Limits {
	return guest.Limits{TimePerBatch: 3 * time.Millisecond, TimePerRecord: 2 * time.Millisecond,
		TimeToStart: time.Second, StackBytes: 64 << 10}
}

// spin is code that costs little memory and much fuel, and recursion that takes stack.
func spin() []byte { return Join(Forever(), I32Const(0)) }

func recurse() []byte { return Join(I32Const(0), I32Const(0), I64Const(0), Call(4)) }

func TestLimitsOfACall(t *testing.T) {
	tests := map[string]struct {
		process   []byte
		allowance guest.Allowance
		limit     string
		reason    string
	}{
		"batch":  {spin(), guest.AllowBatch, "limits.time_per_batch = 3ms", "out of time"},
		"record": {spin(), guest.AllowRecord, "limits.time_per_record = 2ms", "out of time"},
		"stack": {recurse(), guest.AllowBatch, "limits.stack = 65536",
			"out of stack: it calls too deep"},
	}
	engines(t, func(t *testing.T, e guest.Engine) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				limits := short()
				if name == "stack" {
					limits.TimePerBatch = time.Minute
				}
				m, err := loadOn(t, e, Guest{Process: test.process}.Module(), limits)
				require.NoError(t, err)
				in := instantiate(t, m, guest.InstanceConfig{})
				_, err = in.Process(context.Background(), guest.Call{Allowance: test.allowance})
				var trap *guest.TrapError
				require.True(t, errors.As(err, &trap), "%v", err)
				require.Equal(t, test.limit, trap.Limit)
				require.Contains(t, trap.Reason, test.reason)
				require.Contains(t, err.Error(), "plugin.wasm: wasmflow_process trapped: ")
				require.Contains(t, err.Error(), "("+test.limit+")")
				require.True(t, in.Dead())
			})
		}
	})
}

// TestTheClockStopsWhatFuelDoesNot has a guest whose fuel would last for days.
func TestTheClockStopsWhatFuelDoesNot(t *testing.T) {
	const ticks = 1 << 40 // the loop below runs for days
	walk := Join(
		[]byte{0x03, 0x40}, // loop
		[]byte{0x20, 2}, I64Const(1), []byte{0x7c, 0x22, 2}, I64Const(ticks), []byte{0x54, 0x0d, 0, 0x0b},
		I32Const(0))
	limits := short()
	limits.TimePerBatch = time.Hour
	m, err := load(t, Guest{Process: walk}.Module(), limits)
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	in.Allow(1<<50, 10*time.Millisecond)
	_, err = in.Process(context.Background(), guest.Call{Allowance: guest.AllowRest})
	var trap *guest.TrapError
	require.True(t, errors.As(err, &trap), "%v", err)
	require.Equal(t, "limits.time_per_batch = 1h0m0s", trap.Limit)
	require.Equal(t, "out of time: it still ran after 1h0m0s", trap.Reason)
}

// TestAllowancesAreShared: the calls that finish a frame have together what one has.
func TestAllowancesAreShared(t *testing.T) {
	// process spins 100,000 rounds.
	rounds := Join([]byte{0x03, 0x40, 0x20, 0}, I32Const(1), []byte{0x6a, 0x22, 0}, I32Const(100_000),
		[]byte{0x49, 0x0d, 0, 0x0b}, I32Const(0))
	limits := short()
	limits.TimePerBatch = time.Hour
	m, err := load(t, Guest{Process: rounds}.Module(), limits)
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	ctx := context.Background()
	for range 100 {
		_, err := in.Process(ctx, guest.Call{Allowance: guest.AllowBatch})
		require.NoError(t, err)
	}
	in.Allow(10_000_000, time.Hour) // fuel alone decides
	calls := 0
	for err == nil {
		_, err = in.Process(ctx, guest.Call{Allowance: guest.AllowRest})
		calls++
	}
	require.Contains(t, err.Error(), "out of time: it spent the fuel for 1h0m0s")
	require.Less(t, calls, 100)
}

func TestLimitsAtTheStart(t *testing.T) {
	tests := map[string]struct {
		guest Guest
		call  string
	}{
		"initialize": {Guest{Initialize: Forever()}, "_initialize"},
		"describe":   {Guest{Describe: Join(Forever(), I64Const(0))}, "wasmflow_describe"},
		"marker":     {Guest{Marker: spin()}, "wasmflow_abi_v1"},
	}
	engines(t, func(t *testing.T, e guest.Engine) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				limits := short()
				limits.TimeToStart = 2 * time.Millisecond
				_, err := loadOn(t, e, test.guest.Module(), limits)
				var refused *guest.RefusedError
				require.True(t, errors.As(err, &refused), "%v", err)
				require.Contains(t, err.Error(), "plugin.wasm: trapped in "+test.call+": out of time: ")
				require.Contains(t, err.Error(), "(limits.time_to_start = 2ms); "+
					"mend the plugin, or raise limits.time_to_start")
			})
		}
	})
}

func TestOpenHasALimit(t *testing.T) {
	limits := short()
	limits.TimeToStart = 2 * time.Millisecond
	m, err := load(t, Guest{Open: Join(Forever(), I64Const(0))}.Module(), limits)
	require.NoError(t, err)
	_, err = m.Instantiate(context.Background(), guest.InstanceConfig{})
	require.ErrorContains(t, err, "trapped in wasmflow_open: out of time: ")
}

// TestHostCallsCostFuel: a guest that spends its time in the host spends its fuel too.
func TestHostCallsCostFuel(t *testing.T) {
	imports := [][]byte{Import("wasi_snapshot_preview1", "random_get", Func, TypeExtra)}
	draw := Join([]byte{0x03, 0x40}, I32Const(0), I32Const(64<<10), Call(0),
		[]byte{0x1a, 0x0c, 0, 0x0b}, I32Const(0))
	g := Guest{Imports: imports, Process: draw, Type: Type([]byte{I32, I32}, []byte{I32})}
	m, err := load(t, g.Module(), short())
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	_, err = in.Process(context.Background(), guest.Call{})
	require.ErrorContains(t, err, "out of time: ")
}

func TestAGuestWithoutMeteringHasNoGlobals(t *testing.T) {
	ctx := context.Background()
	rt := newRuntime(t, guest.Config{Metering: guest.MeteringOff})
	m, err := rt.Load(ctx, guest.Source{Path: "plugin.wasm", Bytes: Guest{}.Module()}, guest.Limits{})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close(ctx)) }()
	in := instantiate(t, m, guest.InstanceConfig{})
	_, err = in.Process(ctx, guest.Call{})
	require.NoError(t, err)

	_, err = guest.NewRuntime(guest.Config{Metering: "twice"})
	require.EqualError(t, err, `metering "twice" is none of on, off, engine`)
}

func TestReservedExportsAreRefused(t *testing.T) {
	also := [][]byte{Export("wasmflow.fuel", Func, 0)}
	_, err := load(t, Guest{Also: also}.Module(), guest.Limits{})
	require.EqualError(t, err, `plugin.wasm: exports a name that is reserved for metering: `+
		`"wasmflow.fuel"; build it without that export`)
}
