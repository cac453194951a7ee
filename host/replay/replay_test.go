package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/capture"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
	"github.com/wasmflow/wasmflow/host/operator"
	"github.com/wasmflow/wasmflow/host/replay"
)

// scripted is the plugin of the operator's tests, built once: its records say what happens.
var scripted []byte

var scriptedRuntime *guest.Runtime

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "replay-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	path, err := guesttest.Build(dir, filepath.Join("..", "operator", "testdata", "guest"))
	if err == nil {
		if scripted, err = os.ReadFile(path); err == nil {
			scriptedRuntime, err = guesttest.NewRuntime(dir, guest.Config{}, path)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// bench runs a function with its failures captured.
type bench struct {
	t       *testing.T
	runtime *guest.Runtime
	module  []byte
	limits  guest.Limits
	config  operator.Config
	dir     string
	log     bytes.Buffer
}

func newBench(t *testing.T, module []byte) *bench {
	t.Helper()
	b := &bench{t: t, module: module, dir: t.TempDir(), limits: guest.Limits{
		TimePerBatch: time.Minute, TimePerRecord: time.Minute, TimeToStart: time.Minute,
	}}
	require.NoError(t, os.Chmod(b.dir, 0o700)) // captures are for their owner's eyes
	b.config = operator.Config{
		Function: "f0", Step: "step", Job: "job",
		Now:    func() time.Time { return time.Date(2030, 1, 1, 12, 30, 0, 0, time.UTC) },
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	}
	return b
}

func newScripted(t *testing.T) *bench {
	t.Helper()
	b := newBench(t, scripted)
	b.runtime, b.config.Function = scriptedRuntime, "script"
	return b
}

// run gives the function batches of values and returns the faults, and what ended a batch.
func (b *bench) run(batches ...[]string) (faults []string, failed error) {
	b.t.Helper()
	ctx := b.t.Context()
	if b.runtime == nil {
		var err error
		b.runtime, err = guest.NewRuntime(guest.Config{})
		require.NoError(b.t, err)
	}
	m, err := b.runtime.Load(ctx, guest.Source{Path: "x.wasm", Bytes: b.module}, b.limits)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, m.Close(ctx)) }()
	cfg := b.config
	cfg.Module = m
	cfg.Capture = capture.NewFolder(
		capture.Settings{Dir: b.dir, FilesMax: 10, BytesMax: 10 << 20}, "plugin")
	tr, err := operator.NewTransform(ctx, cfg)
	require.NoError(b.t, err)
	defer func() { require.NoError(b.t, tr.Close()) }()
	position := uint64(0)
	for _, values := range batches {
		in := &connectors.Batch{Splits: []string{"elsewhere", "s"}}
		for _, v := range values {
			r := in.Append()
			r.Value, r.Split, r.Position.Lo = []byte(v), 1, position
			position++
		}
		var out connectors.Batch
		var list connectors.Faults
		if err := tr.Transform(ctx, in, &out, &list); err != nil {
			return faults, err
		}
		for _, f := range list.List {
			faults = append(faults, f.Text)
		}
	}
	return faults, nil
}

// captures returns the paths of what was captured.
func (b *bench) captures() []string {
	b.t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.dir, "*"))
	require.NoError(b.t, err)
	return paths
}

// replay runs the only capture again with a module.
func (b *bench) replay(module []byte) *replay.Result {
	b.t.Helper()
	paths := b.captures()
	require.Len(b.t, paths, 1)
	data, err := os.ReadFile(paths[0])
	require.NoError(b.t, err)
	batch, err := capture.Decode(data)
	require.NoError(b.t, err)
	res, err := replay.Run(b.t.Context(), b.runtime, batch,
		guest.Source{Path: "again.wasm", Bytes: module})
	require.NoError(b.t, err)
	return res
}

// marked is the module under another digest.
func marked(module []byte) []byte {
	return append(bytes.Clone(module), Custom("mark", []byte("x"))...)
}

func TestATrapIsReproduced(t *testing.T) {
	b := newScripted(t)
	faults, err := b.run([]string{"echo", "random", "exit", "echo"})
	require.NoError(t, err)
	path := b.captures()[0]
	require.Equal(t, []string{"trapped: exit with code 9; captured as " + path}, faults)
	require.Contains(t, b.log.String(), "captured="+path)

	res := b.replay(scripted)
	require.Empty(t, res.Differences)
	require.True(t, res.Reproduced)
	require.True(t, res.SameCode)
	require.Empty(t, res.Notes)
	require.Equal(t, 1, res.Records, "the record alone is the smaller report")
	require.True(t, res.Batch.Alone)
	require.Equal(t, capture.KindTrap, res.Now.Kind)
	require.Positive(t, res.Now.Fuel)
	require.Contains(t, res.Now.Trace, "os.Exit", "the names of functions are known")

	other := b.replay(marked(scripted))
	require.True(t, other.Reproduced)
	require.False(t, other.SameCode)
	require.Contains(t, other.Notes[0], "is not the one that failed")
}

func TestATrapThatComesOfTheFrameIsReproduced(t *testing.T) {
	b := newScripted(t)
	// The random numbers of the first record and the number of records before it lead to the trap;
	// alone it does not happen.
	faults, err := b.run([]string{"random", "log x", "exit-third", "echo"})
	require.NoError(t, err)
	require.Empty(t, faults)
	res := b.replay(scripted)
	require.Empty(t, res.Differences)
	require.Equal(t, 4, res.Records)
	require.Equal(t, int64(2), *res.Now.Record)
	require.False(t, res.Batch.Alone)
}

func TestATrapThatComesOfFramesBeforeIsToldSo(t *testing.T) {
	b := newScripted(t)
	_, err := b.run([]string{"echo"}, []string{"echo"}, []string{"exit-third"})
	require.NoError(t, err)
	res := b.replay(scripted)
	require.False(t, res.Reproduced)
	require.Equal(t, capture.KindAnswered, res.Now.Kind)
	require.Equal(t, uint64(2), res.Batch.FramesBefore)
	require.Contains(t, res.Notes, "It does not happen in a fresh instance.")
}

func TestATrapInALaterCallIsReproduced(t *testing.T) {
	b := newScripted(t)
	_, err := b.run([]string{"echo", "many-exit"})
	require.NoError(t, err)
	res := b.replay(scripted)
	require.Empty(t, res.Differences)
	require.Equal(t, 2, res.Now.Calls)
	require.Equal(t, uint64(1), res.Now.Cursor)
}

// filling asks for more of a table than a budget pays for: it is charged before it is done, so that
// it is never the clock that ends it.
func filling() []byte {
	table := []byte{0x70, 0, 1} // of functions, one
	fill := Join(I32Const(0), []byte{0xd0, 0x70}, I32Const(-1), []byte{0xfc, 0x11, 0})
	return Guest{Tables: [][]byte{table}, Process: Join(fill, I32Const(0))}.Module()
}

func TestASpentBudgetIsReproduced(t *testing.T) {
	b := newBench(t, filling())
	b.limits.TimePerRecord, b.limits.TimePerBatch = 400*time.Millisecond, 400*time.Millisecond
	faults, err := b.run([]string{"v"})
	require.NoError(t, err)
	require.Len(t, faults, 1)
	require.Contains(t, faults[0], "limits.time_per_record = 400ms")
	res := b.replay(b.module)
	require.Equal(t, capture.KindOverspent, res.Batch.Outcome.Kind)
	require.Empty(t, res.Differences, "not even the fuel")
	require.Positive(t, res.Now.Fuel)
}

func TestADeepRecursionIsReproduced(t *testing.T) {
	b := newBench(t, Guest{Process: Join(Call(8), I32Const(0)), More: [][]byte{Call(8)}}.Module())
	faults, err := b.run([]string{"v"})
	require.NoError(t, err)
	require.Contains(t, faults[0], "limits.stack")
	res := b.replay(b.module)
	require.Equal(t, capture.KindOverspent, res.Now.Kind)
	require.Empty(t, res.Differences)
}

// answering returns a guest that says it has consumed so many of its one record.
func answering(consumed byte) []byte {
	header := make([]byte, abi.OutputHeaderSize)
	header[abi.OutputOffSize], header[abi.OutputOffConsumed] = abi.OutputHeaderSize, consumed
	return Guest{Process: I32Const(OutputAt), Data: [][]byte{DataAt(OutputAt, header)}}.Module()
}

func TestARefusedAnswerIsReproduced(t *testing.T) {
	b := newBench(t, answering(7))
	_, err := b.run([]string{"v"})
	require.ErrorContains(t, err, "consumed 7 is outside")
	path := b.captures()[0]
	require.ErrorContains(t, err, "captured as "+path)
	require.Contains(t, b.log.String(), "captured="+path)
	res := b.replay(b.module)
	require.Empty(t, res.Differences)
	require.Equal(t, capture.KindRefused, res.Now.Kind)
	require.NotEmpty(t, res.Now.Answer)

	mended := b.replay(answering(1))
	require.False(t, mended.Reproduced)
	require.Equal(t, capture.KindAnswered, mended.Now.Kind)
}

func TestATrapInReserveIsReproduced(t *testing.T) {
	// open reserves the two bytes of {}.
	reserve := Join([]byte{0x20, 0}, I32Const(2), []byte{0x4b, 0x04, 0x40, 0x00, 0x0b},
		I32Const(RegionAt))
	b := newBench(t, Guest{Reserve: reserve}.Module())
	faults, err := b.run([]string{"v"})
	require.NoError(t, err)
	require.Contains(t, faults[0], "captured as ")
	res := b.replay(b.module)
	require.Empty(t, res.Differences)
	require.Equal(t, abi.ExportReserve, res.Now.Call)
	require.Zero(t, res.Now.Calls)
}

func TestModulesThatCannotReplay(t *testing.T) {
	b := newBench(t, answering(7))
	_, err := b.run([]string{"v"})
	require.Error(t, err)
	data, err := os.ReadFile(b.captures()[0])
	require.NoError(t, err)
	batch, err := capture.Decode(data)
	require.NoError(t, err)
	for _, tt := range []struct {
		name   string
		module []byte
		want   string
	}{
		{"garbage", []byte("garbage"), "WebAssembly"},
		{"no such function", Guest{Description: DescriptionOf("serializer")}.Module(),
			"here a transform is needed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := replay.Run(context.Background(), b.runtime, batch,
				guest.Source{Path: "x.wasm", Bytes: tt.module})
			var refused *guest.RefusedError
			require.ErrorAs(t, err, &refused)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestADiskThatTakesNothing: the job goes on, and is told once.
func TestADiskThatTakesNothing(t *testing.T) {
	b := newScripted(t)
	file := filepath.Join(b.dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	b.dir = filepath.Join(file, "captures")
	faults, err := b.run([]string{"exit", "echo", "exit"})
	require.NoError(t, err)
	require.Equal(t, []string{"trapped: exit with code 9", "trapped: exit with code 9"}, faults)
	require.Equal(t, 1, bytes.Count(b.log.Bytes(), []byte("is not captured")))
}
