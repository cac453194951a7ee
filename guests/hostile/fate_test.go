package hostile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/guests/hostile"
	"github.com/wasmflow/wasmflow/host/guest"
)

func TestRefusedAtLoad(t *testing.T) {
	with(t, func(t *testing.T, f hostile.Fixture) {
		var err error
		cost := allocated(func() { _, err = load(t, f) })
		var refused *guest.RefusedError
		require.True(t, errors.As(err, &refused), "%v", err)
		require.Equal(t, f.File, refused.Path)
		requireTold(t, err, f)
		require.Less(t, cost, uint64(refusalBytesMax))
	}, hostile.RefusedAtLoad)
}

func TestRefusedAtOpen(t *testing.T) {
	with(t, func(t *testing.T, f hostile.Fixture) {
		m := mustLoad(t, f)
		_, err := m.Instantiate(context.Background(),
			guest.InstanceConfig{Config: json.RawMessage(f.Config)})
		var refused *guest.RefusedError
		require.True(t, errors.As(err, &refused), "%v", err)
		requireTold(t, err, f)
	}, hostile.RefusedAtOpen)
}

func TestTheRefusedFieldIsNamed(t *testing.T) {
	for _, f := range hostile.Fixtures() {
		if f.Name != "refuses-config" {
			continue
		}
		_, err := mustLoad(t, f).Instantiate(context.Background(), guest.InstanceConfig{})
		var config *abi.ConfigError
		require.True(t, errors.As(err, &config), "%v", err)
		require.Equal(t, "rate", config.Field)
	}
}

// TestNamesOfFunctions holds the other half of H1: the table tells of every function.
func TestNamesOfFunctions(t *testing.T) {
	want := map[string][]string{}
	for _, f := range hostile.Fixtures() {
		if f.Function != "" {
			want[f.File] = append(want[f.File], f.Function)
		}
	}
	for _, f := range hostile.Fixtures() {
		if f.Function == "" {
			continue
		}
		var names []string
		for _, function := range mustLoad(t, f).Description().Functions {
			names = append(names, function.Name)
			require.Equal(t, abi.RoleTransform, function.Role)
		}
		require.ElementsMatch(t, want[f.File], names, f.File)
	}
}

// TestAnInstanceIsDeadAfterwards: neither a trap nor a lie leaves an instance that is entered
// again.
func TestAnInstanceIsDeadAfterwards(t *testing.T) {
	ctx := context.Background()
	with(t, func(t *testing.T, f hostile.Fixture) {
		m := mustLoad(t, f)
		function, err := m.Function(f.Function, abi.RoleTransform)
		require.NoError(t, err)
		in, err := m.Instantiate(ctx, guest.InstanceConfig{})
		require.NoError(t, err)
		defer func() { require.NoError(t, in.Close(ctx)) }()
		err = oneCall(in, uint32(function))
		var trap *guest.TrapError
		if errors.As(err, &trap) {
			require.True(t, in.Dead())
			_, err = in.Process(ctx, guest.Call{})
			require.ErrorIs(t, err, guest.ErrDead)
			_, err = in.Reserve(ctx, 8)
			require.ErrorIs(t, err, guest.ErrDead)
		}
	}, hostile.CostsItsRecord, hostile.EndsTheCall)
}

func TestCostsItsRecord(t *testing.T) {
	with(t, func(t *testing.T, f hostile.Fixture) {
		var l logs
		cost := allocated(func() {
			tr := transform(t, f, &l)
			for round := range uint64(2) {
				back, faults, err := run(t, tr, batch(round*hostile.Records, values[:]...))
				require.NoError(t, err)
				require.Equal(t, []string{"one", "three"}, back, "the neighbours")
				require.Len(t, faults, 1)
				require.Equal(t, 1, faults[0].Index)
				require.Contains(t, faults[0].Text, f.Text)
				require.Equal(t, mustLoad(t, f).SHA256(), faults[0].Module)
				require.Less(t, len(faults[0].Text), messageBytesMax)
				requirePrintable(t, faults[0].Text)
			}
		})
		requirePrintable(t, l.String())
		require.Less(t, cost, uint64(fixtureBytesMax))
	}, hostile.CostsItsRecord)
}

func TestCostsNothing(t *testing.T) {
	with(t, func(t *testing.T, f hostile.Fixture) {
		var l logs
		cost := allocated(func() {
			tr := transform(t, f, &l)
			for round := range uint64(2) {
				back, faults, err := run(t, tr, batch(round*hostile.Records, values[:]...))
				require.NoError(t, err)
				require.Empty(t, faults)
				require.Equal(t, values[:], back)
			}
		})
		requirePrintable(t, l.String())
		require.Less(t, cost, uint64(fixtureBytesMax))
	}, hostile.CostsNothing)
}

func TestEndsTheCall(t *testing.T) {
	with(t, func(t *testing.T, f hostile.Fixture) {
		var l logs
		cost := allocated(func() {
			tr := transform(t, f, &l)
			for range 2 { // the second batch meets a new instance
				_, _, err := run(t, tr, batch(0, values[:]...))
				requireTold(t, err, f)
				require.Contains(t, err.Error(), fmt.Sprintf("running %s of %s", f.Function, f.File))
			}
		})
		requirePrintable(t, l.String())
		require.Less(t, cost, uint64(fixtureBytesMax))
	}, hostile.EndsTheCall)
}

// TestManyPoisonRecords: each costs two instances, which have to go away again.
func TestManyPoisonRecords(t *testing.T) {
	for name, poison := range map[string]int{
		"trap": 50, "grow_and_trap": 2, "blame_first": 20, "blame_last": 20,
	} {
		t.Run(name, func(t *testing.T) {
			var l logs
			tr := transform(t, fixture(t, name), &l)
			var in []string
			for range poison {
				in = append(in, "trap", "fine", "fine")
			}
			before := heap()
			back, faults, err := run(t, tr, batch(0, in...))
			require.NoError(t, err)
			require.Len(t, back, 2*poison)
			require.Len(t, faults, poison)
			require.Less(t, heap(), before+heapBytesMax)
		})
	}
}

func TestLogsAreRationed(t *testing.T) {
	var l logs
	tr := transform(t, fixture(t, "log_flood"), &l)
	for i := range uint64(3) {
		_, _, err := run(t, tr, batch(i, "trap"))
		require.NoError(t, err)
	}
	const burst = 10 // seconds' worth
	require.Equal(t, burst*guest.DefaultLogLines, strings.Count(l.String(), "\n"))
	require.NotContains(t, l.String(), "\x1b")
}

// TestMetricsAreRationed: a trap gives the guest a new instance, not new names.
func TestMetricsAreRationed(t *testing.T) {
	for name, batches := range map[string]uint64{"metric_flood": 1, "metric_tide": 4} {
		t.Run(name, func(t *testing.T) {
			f := fixture(t, name)
			m, err := compile(t, f) // names are a module's, so this needs one of its own
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
			var l logs
			tr := transformOf(t, m, f, &l)
			for i := range batches {
				_, _, err := run(t, tr, batch(2*i, "fine", "trap"))
				require.NoError(t, err)
			}
			require.Len(t, l.names, metricNamesMax)
		})
	}
}
