package operator_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// plugin is the guest of testdata/guest.
var plugin *guest.Module

// patient are limits that a slow machine does not meet either. Tests of limits have their own.
func patient() guest.Limits {
	return guest.Limits{TimePerBatch: time.Minute, TimePerRecord: time.Minute, TimeToStart: time.Minute}
}

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "operator-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	path, err := guesttest.Build(dir, filepath.Join("testdata", "guest"))
	if err == nil {
		var rt *guest.Runtime
		if rt, err = guesttest.NewRuntime(dir, guest.Config{}, path); err == nil {
			plugin, err = rt.Load(ctx, guest.Source{Path: path}, patient())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = plugin.Close(ctx) }()
	return m.Run()
}

// config runs a function of the plugin; its clock stands at half past noon.
func config(function string) operator.Config {
	return operator.Config{
		Module: plugin, Function: function, Job: "test",
		Now: func() time.Time { return time.Date(2030, 1, 1, 12, 30, 0, 0, time.UTC) },
	}
}

// module loads a plugin made by hand.
func module(t *testing.T, binary []byte) *guest.Module {
	t.Helper()
	ctx := context.Background()
	rt, err := guest.NewRuntime(guest.Config{})
	require.NoError(t, err)
	m, err := rt.Load(ctx, guest.Source{Path: "hand.wasm", Bytes: binary}, patient())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close(ctx)) })
	return m
}

func transform(t testing.TB, cfg operator.Config) *operator.Transform {
	t.Helper()
	tr, err := operator.NewTransform(context.Background(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// batch makes a batch of the given values; record i is at position i of split "s".
func batch(values ...string) *connectors.Batch {
	b := &connectors.Batch{Splits: []string{"s"}}
	for i, v := range values {
		r := b.Append()
		r.Key = []byte("k")
		r.Value = []byte(v)
		r.Position.Lo = uint64(i)
		r.Timestamp = int64(1_000 + i)
	}
	return b
}

// result is what a transform made: "position:value" of its records and "position code text" of
// its faults.
type result struct{ records, faults []string }

func run(t testing.TB, tr connectors.Transform, in *connectors.Batch) result {
	t.Helper()
	out, faults := &connectors.Batch{}, &connectors.Faults{}
	require.NoError(t, tr.Transform(context.Background(), in, out, faults))
	return describe(t, in, out, faults)
}

func describe(
	t testing.TB, in, out *connectors.Batch, faults *connectors.Faults,
) (res result) {
	t.Helper()
	seen := map[[2]uint64]bool{}
	last := uint64(0)
	for i := range out.Records {
		r := &out.Records[i]
		name := [2]uint64{r.Position.Lo, r.Ordinal}
		require.False(t, seen[name], "ordinal used twice")
		seen[name] = true
		require.GreaterOrEqual(t, r.Position.Lo, last, "O1: order of parents")
		last = r.Position.Lo
		res.records = append(res.records, fmt.Sprintf("%d:%s", r.Position.Lo, r.Value))
	}
	index := -1
	for _, f := range faults.List {
		require.Greater(t, f.Index, index, "O1: order of faults")
		index = f.Index
		require.Equal(t, plugin.SHA256(), f.Module)
		lo := in.Records[f.Index].Position.Lo
		for name := range seen {
			require.NotEqual(t, lo, name[0], "O2: a record with a fault has no output")
		}
		trap := ""
		if f.Trap {
			trap = "trap "
		}
		res.faults = append(res.faults, fmt.Sprintf("%d %s%d %s", lo, trap, f.Code, f.Text))
	}
	return res
}

// ordinal is that of the child at index of a record straight from the source.
func ordinal(step string, index uint64) uint64 {
	return abi.Ordinal(0, abi.FunctionSeed(step), index)
}

func repeat(n int, format string) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = strings.ReplaceAll(format, "%", fmt.Sprint(i))
	}
	return values
}

// logs collects the lines of a logger.
type logs struct{ bytes.Buffer }

func (l *logs) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}
