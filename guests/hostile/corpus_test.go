package hostile_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/guests/hostile"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
	"github.com/wasmflow/wasmflow/host/operator"
)

// corpusMin is how many specimens there are at least.
const corpusMin = 400

// corpusLimits are short: most specimens go on until they are stopped. Those of which the user is
// told something else than that have time for it.
func corpusLimits(text string) guest.Limits {
	l := guest.Limits{
		MemoryBytes: 4 << 20, TableElements: specimens.TableElements, StackBytes: 64 << 10, LogLines: 10,
	}
	if text != "" && !short(text) {
		return patient(l)
	}
	l.TimePerBatch, l.TimePerRecord = 4*time.Millisecond, 2*time.Millisecond
	l.TimeToStart = 20 * time.Millisecond
	return l
}

// TestCorpus runs every specimen through the life of a plugin: it may be refused, or cost its
// record, or end the call. It never costs the host anything, and an honest guest works afterwards.
func TestCorpus(t *testing.T) {
	all := specimens.All()
	require.GreaterOrEqual(t, len(all), corpusMin)
	rt, err := guest.NewRuntime(guest.Config{Now: now})
	require.NoError(t, err)
	names := map[string]bool{}
	before := heap()
	for _, s := range all {
		require.False(t, names[s.Name], "a second specimen %q", s.Name)
		names[s.Name] = true
		t.Run(s.Name, func(t *testing.T) {
			told := live(t, rt, s.Module, corpusLimits(s.Text))
			requirePrintable(t, told)
			require.Less(t, len(told), messageBytesMax)
			require.Contains(t, told, s.Text)
		})
	}
	require.Less(t, heap(), before+heapBytesMax)
	var l logs
	honest := transform(t, fixture(t, "honest"), &l)
	back, faults, err := run(t, honest, batch(0, values[:]...))
	require.NoError(t, err)
	require.Empty(t, faults)
	require.Equal(t, values[:], back)
}

// live loads a module, opens it, gives it two batches, and returns what the user is told.
func live(t *testing.T, rt *guest.Runtime, module []byte, limits guest.Limits) string {
	t.Helper()
	ctx := context.Background()
	m, err := rt.Load(ctx, guest.Source{Path: "specimen.wasm", Bytes: module}, limits)
	if err != nil {
		var refused *guest.RefusedError
		require.True(t, errors.As(err, &refused), "%v", err)
		return err.Error()
	}
	defer func() { require.NoError(t, m.Close(ctx)) }()
	var l logs
	tr, err := operator.NewTransform(ctx, operator.Config{
		Module: m, Function: specimens.Function, Job: "hostile",
		Logger: l.logger(), Metrics: &l, Now: now,
		Limits: operator.Limits{OutputBytes: hostile.OutputBytes, OutputRecords: hostile.OutputRecords},
	})
	if err != nil {
		return err.Error()
	}
	defer func() { require.NoError(t, tr.Close()) }()
	told := ""
	for range 2 {
		out, found := &connectors.Batch{}, &connectors.Faults{}
		in := batch(0, "one")
		if err := tr.Transform(ctx, in, out, found); err != nil {
			told = err.Error()
			continue
		}
		for _, f := range found.List {
			require.Zero(t, f.Index)
			told = f.Text
		}
	}
	requirePrintable(t, l.String())
	return told
}
