package guest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
)

// rawGuest is the plugin of testdata/raw, built once for all tests. rawModules are its modules by
// engine, compiled once; clock is what their rate of log lines is measured with.
var (
	rawGuest   string
	rawRuntime *guest.Runtime
	rawModules = map[guest.Engine]*guest.Module{}
	clock      = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
)

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "guest-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if rawGuest, err = guesttest.Build(dir, filepath.Join("testdata", "raw")); err == nil {
		clocked := guest.Config{Now: func() time.Time { return clock }}
		rawRuntime, err = guesttest.NewRuntime(dir, clocked, rawGuest)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	for _, mod := range rawModules {
		_ = mod.Close(context.Background())
	}
	return code
}

func newRuntime(t testing.TB, cfg guest.Config) *guest.Runtime {
	t.Helper()
	rt, err := guest.NewRuntime(cfg)
	require.NoError(t, err)
	return rt
}

// load loads a module made by hand.
func load(t testing.TB, binary []byte, limits guest.Limits) (*guest.Module, error) {
	t.Helper()
	ctx := context.Background()
	m, err := newRuntime(t, guest.Config{}).Load(ctx,
		guest.Source{Path: "plugin.wasm", Bytes: binary}, limits)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, m.Close(ctx)) })
	}
	return m, err
}

func instantiate(t testing.TB, m *guest.Module, cfg guest.InstanceConfig) *guest.Instance {
	t.Helper()
	ctx := context.Background()
	in, err := m.Instantiate(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close(ctx)) })
	return in
}

// raw is the raw plugin on an engine.
func raw(t testing.TB, engine guest.Engine) *guest.Module {
	t.Helper()
	if m, ok := rawModules[engine]; ok {
		return m
	}
	rt := rawRuntime
	if engine != guest.EngineAuto {
		rt = newRuntime(t, guest.Config{Engine: engine, Now: func() time.Time { return clock }})
	}
	// Nothing here is about time, and the machine that runs the tests may be slow.
	m, err := rt.Load(context.Background(), guest.Source{Path: rawGuest},
		guest.Limits{TimePerBatch: time.Minute})
	require.NoError(t, err)
	rawModules[engine] = m
	return m
}

// call runs a function of the raw plugin on an empty frame.
func call(t testing.TB, in *guest.Instance, c guest.Call) (string, error) {
	t.Helper()
	region, err := in.Reserve(context.Background(), 4<<10)
	require.NoError(t, err)
	var enc abi.Encoder
	require.NoError(t, enc.Begin(region, abi.Layout{Records: 8}, abi.FrameInfo{}))
	enc.Finish()
	ptr, err := in.Process(context.Background(), c)
	if err != nil {
		return "", err
	}
	mem := in.Memory()
	size := binary.LittleEndian.Uint32(mem[ptr:])
	return string(mem[ptr+4 : ptr+4+size]), nil
}

// recorder is a logger and a sink of metrics.
type recorder struct {
	text    bytes.Buffer
	metrics []string
}

func (r *recorder) Metric(kind abi.MetricKind, name string, value float64) {
	r.metrics = append(r.metrics, fmt.Sprintf("%d %s %g", kind, name, value))
}

func (r *recorder) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&r.text, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func (r *recorder) lines() []string {
	text := strings.TrimSpace(r.text.String())
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}
