package hostile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/guests/hostile"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// What a fixture may cost the host, loosely: a process that dies takes orders of magnitude more.
const (
	refusalBytesMax = 128 << 20 // allocated for a module that is refused
	messageBytesMax = 8 << 10   // of what a user is told
	fixtureBytesMax = 2 << 30   // allocated, garbage included, by one that runs
	heapBytesMax    = 64 << 20  // in use behind a row of traps: an instance has up to 24 MiB
	processBytesMax = 2 << 30   // taken from the system by all tests
)

// metricNamesMax is how many names of metrics the host lets a module make up.
const metricNamesMax = 256

// loaded are the modules that load, compiled once for all tests.
var loaded = map[loadKey]*guest.Module{}

// loadKey is a module's file, and whether its time is short.
type loadKey struct {
	file  string
	short bool
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, mod := range loaded {
		_ = mod.Close(context.Background())
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	if mem.Sys > processBytesMax {
		fmt.Fprintf(os.Stderr, "FAIL: the tests took %d bytes from the system\n", mem.Sys)
		code = 1
	}
	os.Exit(code)
}

// now is a clock that stands still.
func now() time.Time { return time.Unix(1_800_000_000, 0) }

func load(t testing.TB, f hostile.Fixture) (*guest.Module, error) {
	t.Helper()
	key := loadKey{f.File, short(f.Text)}
	if m, ok := loaded[key]; ok {
		return m, nil
	}
	m, err := compile(t, f)
	if err == nil {
		loaded[key] = m
	}
	return m, err
}

func compile(t testing.TB, f hostile.Fixture) (*guest.Module, error) {
	t.Helper()
	rt, err := guest.NewRuntime(guest.Config{Now: now})
	require.NoError(t, err)
	limits := patient(guest.Limits{MemoryBytes: hostile.MemoryBytes})
	if short(f.Text) {
		limits.TimePerBatch, limits.TimePerRecord = hostile.TimePerBatch, hostile.TimePerRecord
		limits.TimeToStart = hostile.TimeToStart
	}
	return rt.Load(context.Background(), guest.Source{Path: f.File, Bytes: f.Module()}, limits)
}

// outOfTime is part of what a user is told of a guest that a limit of time ended.
const outOfTime = "out of time"

// short tells whether time is what ends a guest of which the user is told so.
func short(text string) bool { return strings.Contains(text, outOfTime) }

// patient gives guests that come to an end by themselves the time to do so on any machine.
func patient(l guest.Limits) guest.Limits {
	l.TimePerBatch, l.TimePerRecord, l.TimeToStart = time.Minute, time.Minute, time.Minute
	return l
}

func mustLoad(t testing.TB, f hostile.Fixture) *guest.Module {
	t.Helper()
	m, err := load(t, f)
	require.NoError(t, err)
	return m
}

// with calls test for each fixture of one of the fates.
func with(t *testing.T, test func(t *testing.T, f hostile.Fixture), fates ...hostile.Fate) {
	t.Helper()
	for _, f := range hostile.Fixtures() {
		for _, fate := range fates {
			if f.Fate == fate {
				t.Run(f.Name, func(t *testing.T) { test(t, f) })
			}
		}
	}
}

// allocated returns how many bytes work allocates, garbage included.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// requireTold requires a message to say what it should, in a form that is fit for a terminal.
func requireTold(t *testing.T, err error, f hostile.Fixture) {
	t.Helper()
	require.Error(t, err)
	require.Contains(t, err.Error(), f.Text)
	require.Less(t, len(err.Error()), messageBytesMax)
	requirePrintable(t, err.Error())
}

func requirePrintable(t *testing.T, text string) {
	t.Helper()
	for _, c := range text {
		require.False(t, c < ' ' && c != '\n' && c != '\t' || c == 0x7f, "control character in %q", text)
	}
}

// oneCall is one call with a batch, without the operator's recovery.
func oneCall(in *guest.Instance, function uint32) error {
	ctx := context.Background()
	layout := abi.Layout{Records: hostile.Records, Arena: 64}
	size, err := layout.Size()
	if err != nil {
		return err
	}
	region, err := in.Reserve(ctx, size)
	if err != nil {
		return err
	}
	var enc abi.Encoder
	info := abi.FrameInfo{OutRecordsSoft: 1 << 15, OutBytesSoft: 1 << 20}
	if err := enc.Begin(region, layout, info); err != nil {
		return err
	}
	for _, v := range values {
		enc.Append(nil, []byte(v), 0)
	}
	enc.Finish()
	ptr, err := in.Process(ctx, guest.Call{Function: function})
	if err != nil {
		return err
	}
	var out abi.Output
	return out.Decode(in.Memory(), ptr,
		abi.Call{Role: abi.RoleTransform, Count: hostile.Records}, abi.DefaultLimits())
}

// values of a batch; the second is the one fixtures turn on.
var values = [hostile.Records]string{"one", "trap two", "three"}

// logs collects what the guests log.
type logs struct {
	bytes.Buffer
	names map[string]float64
}

func (l *logs) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// Metric implements guest.MetricSink.
func (l *logs) Metric(_ abi.MetricKind, name string, value float64) {
	if l.names == nil {
		l.names = map[string]float64{}
	}
	l.names[name] += value
}

func transform(t testing.TB, f hostile.Fixture, l *logs) *operator.Transform {
	t.Helper()
	return transformOf(t, mustLoad(t, f), f, l)
}

func transformOf(t testing.TB, m *guest.Module, f hostile.Fixture, l *logs) *operator.Transform {
	t.Helper()
	tr, err := operator.NewTransform(context.Background(), operator.Config{
		Module: m, Function: f.Function, Job: "hostile", PluginConfig: json.RawMessage(f.Config),
		Logger: l.logger(), Metrics: l,
		Now:    now,
		Limits: operator.Limits{OutputBytes: hostile.OutputBytes, OutputRecords: hostile.OutputRecords},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr
}

// batch is a batch of the given values from position at on.
func batch(at uint64, values ...string) *connectors.Batch {
	b := &connectors.Batch{Splits: []string{"s"}}
	for i, v := range values {
		r := b.Append()
		r.Key, r.Value, r.Timestamp = []byte("k"), []byte(v), int64(at)+int64(i)
		r.Position.Lo = at + uint64(i)
		r.Headers = []connectors.Header{{Key: "h", Value: []byte(v)}}
	}
	return b
}

// run runs in and returns what came back. It requires that to be as it went in.
func run(
	t *testing.T, tr *operator.Transform, in *connectors.Batch,
) (back []string, faults []connectors.Fault, err error) {
	t.Helper()
	out, found := &connectors.Batch{}, &connectors.Faults{}
	err = tr.Transform(context.Background(), in, out, found)
	if err != nil {
		return nil, nil, err
	}
	for i := range out.Records {
		r := &out.Records[i]
		parent := in.Records[r.Position.Lo-in.Records[0].Position.Lo]
		require.True(t, bytes.Equal(parent.Value, r.Value), "value of %d bytes", len(r.Value))
		require.True(t, bytes.Equal(parent.Key, r.Key), "key of %d bytes", len(r.Key))
		require.Equal(t, parent.Headers, r.Headers)
		require.Equal(t, parent.Timestamp, r.Timestamp)
		back = append(back, string(r.Value))
	}
	return back, found.List, nil
}

func fixture(t *testing.T, name string) hostile.Fixture {
	t.Helper()
	for _, f := range hostile.Fixtures() {
		if f.Name == name {
			return f
		}
	}
	require.Fail(t, "no such fixture", name)
	return hostile.Fixture{}
}

// heap is what is in use once the garbage is gone.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers of the first held goes with the second
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
