package guest_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
)

// engines runs a test on both: what a guest sees must not depend on the engine.
func engines(t *testing.T, test func(t *testing.T, e guest.Engine)) {
	for _, e := range []guest.Engine{guest.EngineAuto, guest.EngineInterpreter} {
		t.Run(string(e), func(t *testing.T) {
			test(t, e)
		})
	}
}

func TestSleepMovesTheGuestsClock(t *testing.T) {
	engines(t, func(t *testing.T, e guest.Engine) {
		in := instantiate(t, raw(t, e), guest.InstanceConfig{})
		at := time.Date(2030, 1, 1, 12, 0, 0, 500, time.UTC)

		got, err := call(t, in, guest.Call{Function: 1, Time: at.UnixNano()})
		require.NoError(t, err)
		require.Equal(t, "2030-01-01T12:00:00.0000005Z 1h30m0s 2030-01-01T13:30:00.0000005Z", got)

		got, err = call(t, in, guest.Call{Function: 1, Time: at.Add(time.Second).UnixNano()})
		require.NoError(t, err)
		require.Equal(t, "2030-01-01T12:00:01.0000005Z 1h30m0s 2030-01-01T13:30:01.0000005Z", got,
			"the next call starts at its own time")

		got, err = call(t, in, guest.Call{Function: 2, Time: at.UnixNano()})
		require.NoError(t, err)
		require.Equal(t, "done", got)
	})
}

func TestClockAtStart(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	in := instantiate(t, m, guest.InstanceConfig{Time: at.UnixNano()})
	got, err := call(t, in, guest.Call{Function: 11})
	require.NoError(t, err)
	require.Equal(t, "2030-01-01T00:00:00Z", got)
}

func TestRandomIsKeyedByTheCall(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	key := guest.NewSeedKey("job", "raw")
	draw := func(in *guest.Instance, seed guest.Seed) string {
		got, err := call(t, in, guest.Call{Function: 3, Seed: seed})
		require.NoError(t, err)
		return got
	}
	a := instantiate(t, m, guest.InstanceConfig{Key: key})
	b := instantiate(t, m, guest.InstanceConfig{Key: key})
	one, two := key.Call("orders-0", 0, 1, 0, 0), key.Call("orders-0", 0, 2, 0, 0)

	first := draw(a, one)
	want := make([]byte, 16)
	_, _ = rand.NewChaCha8(one).Read(want)
	require.Equal(t, hex.EncodeToString(want), first, "the same on every machine")
	require.Equal(t, draw(a, two), draw(b, two), "a new instance draws the same")
	require.NotEqual(t, first, draw(a, two), "other records draw others")
	require.Equal(t, first, draw(b, one), "whatever was drawn before")
}

func TestSeedsDiffer(t *testing.T) {
	seen := map[guest.Seed]string{}
	for _, job := range []string{"a", "ab"} {
		for _, function := range []string{"c", "bc"} {
			key := guest.NewSeedKey(job, function)
			for _, split := range []string{"", "x", strings.Repeat("long", 100)} {
				for i := range uint64(2) {
					name := fmt.Sprint(job, "/", function, "/", split, "/", i)
					seeds := []guest.Seed{
						key.Call(split, i, 5, 5, 5), key.Call(split, 5, i, 5, 5),
						key.Call(split, 5, 5, i, 5), key.Call(split, 5, 5, 5, i),
					}
					for _, s := range seeds {
						require.Empty(t, seen[s], name)
						seen[s] = name
					}
				}
			}
		}
	}
	key := guest.NewSeedKey("job", "f")
	require.Zero(t, testing.AllocsPerRun(100, func() { key.Call("orders-0", 0, 1, 0, 0) }))
}

func TestNoWorldOutside(t *testing.T) {
	engines(t, func(t *testing.T, e guest.Engine) {
		t.Setenv("SECRET", "hunter2")
		in := instantiate(t, raw(t, e), guest.InstanceConfig{})
		got, err := call(t, in, guest.Call{Function: 4})
		require.NoError(t, err)
		require.Equal(t, "args=0 env=0 open=true create=true stdin=0,EOF", got)
	})
}

func TestConfigReachesTheGuest(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	in := instantiate(t, m, guest.InstanceConfig{Config: []byte(`{"rate":2}`)})
	got, err := call(t, in, guest.Call{})
	require.NoError(t, err)
	require.Equal(t, `{"rate":2}`, got)

	in = instantiate(t, m, guest.InstanceConfig{})
	got, err = call(t, in, guest.Call{})
	require.NoError(t, err)
	require.Equal(t, `{}`, got)
}

func TestRefusedConfigNamesTheField(t *testing.T) {
	_, err := raw(t, guest.EngineAuto).Instantiate(context.Background(),
		guest.InstanceConfig{Config: []byte(`{"rate":-1}`)})
	require.EqualError(t, err,
		rawGuest+": refuses its configuration: config.rate: must not be negative")
	var config *abi.ConfigError
	require.True(t, errors.As(err, &config))
	require.Equal(t, "rate", config.Field)
}

func TestTraps(t *testing.T) {
	tests := map[string]struct {
		function uint32
		reason   string
		output   string
		record   uint32
	}{
		"panic":         {5, "unreachable", "panic: out of cheese", 7},
		"exit":          {6, "exit with code 4", "", 3},
		"out of memory": {10, "unreachable", "fatal error: out of memory", abi.NoProgress},
	}
	m := raw(t, guest.EngineAuto)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var rec recorder
			in := instantiate(t, m, guest.InstanceConfig{Logger: rec.logger(), Metrics: &rec})
			_, err := call(t, in, guest.Call{Function: test.function})
			var trap *guest.TrapError
			require.True(t, errors.As(err, &trap), "%v", err)
			require.Equal(t, test.reason, trap.Reason)
			require.Contains(t, trap.Output, test.output)
			require.Contains(t, trap.Trace, "wasmflow_process")
			require.Equal(t, test.record != abi.NoProgress, trap.HasRecord)
			if trap.HasRecord {
				require.Equal(t, test.record, trap.Record)
			}
			require.Contains(t, err.Error(), "wasmflow_process trapped: "+test.reason)

			require.True(t, in.Dead())
			_, err = in.Process(context.Background(), guest.Call{})
			require.ErrorIs(t, err, guest.ErrDead)
			_, err = in.Reserve(context.Background(), 8)
			require.ErrorIs(t, err, guest.ErrDead)
			require.Nil(t, in.Region())
			in.Settle(8, false, func(uint32) bool { return false })
			require.Empty(t, rec.lines(), "effects of a call that trapped are dropped")
		})
	}
}

func TestEffectsWaitForTheVerdict(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	var rec recorder
	in := instantiate(t, m, guest.InstanceConfig{Logger: rec.logger(), Metrics: &rec})
	_, err := call(t, in, guest.Call{Function: 7})
	require.NoError(t, err)
	require.Empty(t, rec.lines())
	require.Empty(t, rec.metrics)

	in.Settle(2, true, func(record uint32) bool { return record == 0 })
	require.Equal(t, []string{
		`level=INFO msg="record 1"`,
		`level=INFO msg="out 1"`,
		`level=WARN msg="no record"`,
	}, rec.lines())
	require.Equal(t, []string{"0 seen_total 3"}, rec.metrics, "counts of one record are added up")

	in.Settle(3, false, func(record uint32) bool { return false })
	require.Equal(t, []string{
		`level=INFO msg="record 2"`,
		`level=INFO msg="out 2"`,
	}, rec.lines()[3:], "the record that had more to say")

	_, err = call(t, in, guest.Call{Function: 7})
	require.NoError(t, err)
	in.Settle(1, false, func(record uint32) bool { return false })
	require.Len(t, rec.lines(), 5+3, "records the guest did not finish say nothing")
	in.Settle(3, false, func(record uint32) bool { return false })
	require.Len(t, rec.lines(), 5+3)

	_, err = call(t, in, guest.Call{Function: 7})
	require.NoError(t, err)
	in.Kill()
	in.Settle(3, false, func(record uint32) bool { return false })
	require.Len(t, rec.lines(), 5+3)
}

func TestLogRateIsLimited(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	var rec recorder
	in := instantiate(t, m, guest.InstanceConfig{Logger: rec.logger()})
	_, err := call(t, in, guest.Call{Function: 8})
	require.NoError(t, err)
	in.Settle(0, false, nil)
	require.Len(t, rec.lines(), 1_000, "a burst of ten seconds")
	require.Equal(t, `level=WARN msg="line 0 [31m"`, rec.lines()[0], "no escape sequences")

	clock = clock.Add(time.Second)
	_, err = call(t, in, guest.Call{Function: 8})
	require.NoError(t, err)
	in.Settle(0, false, nil)
	require.Len(t, rec.lines(), 1_100)
	require.Equal(t, `level=WARN msg="line 0 [31m" suppressed_before=4000`, rec.lines()[1_000])
}

func TestLongLinesAreCut(t *testing.T) {
	m := raw(t, guest.EngineAuto)
	var rec recorder
	in := instantiate(t, m, guest.InstanceConfig{Logger: rec.logger()})
	_, err := call(t, in, guest.Call{Function: 9})
	require.NoError(t, err)
	in.Settle(0, false, nil)
	require.Equal(t, []string{
		`level=ERROR msg=" "`,
		`level=INFO msg=` + strings.Repeat("x", 8<<10),
	}, rec.lines())
}

func TestReserve(t *testing.T) {
	ctx := context.Background()
	in := instantiate(t, raw(t, guest.EngineAuto), guest.InstanceConfig{})
	region, err := in.Reserve(ctx, 100)
	require.NoError(t, err)
	require.Len(t, region, 100)
	copy(region, "hello")
	region, err = in.Reserve(ctx, 8<<20)
	require.NoError(t, err)
	require.Len(t, region, 8<<20, "memory grew and may have moved")
	require.Len(t, in.Region(), 8<<20)
	region[len(region)-1] = 1
	require.Equal(t, byte(1), in.Region()[len(region)-1])
	require.Greater(t, len(in.Memory()), 8<<20)
}
