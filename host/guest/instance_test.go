package guest_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// TestNoHostFunctionByReflection holds G3: the engine's other way to register a function costs 1.5
// to 2 microseconds a call.
func TestNoHostFunctionByReflection(t *testing.T) {
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	byStack := 0
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				require.NotEqual(t, "WithFunc", s.Sel.Name, e.Name())
				if s.Sel.Name == "WithGoModuleFunction" || s.Sel.Name == "WithGoFunction" {
					byStack++
				}
			}
			return true
		})
	}
	require.Equal(t, 1, byStack, "all host functions pass one place")
}

func TestCallsDoNotAllocate(t *testing.T) {
	ctx := context.Background()
	g := Guest{Process: I32Const(OutputAt)}
	m, err := load(t, g.Module(), guest.Limits{})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	var fault error
	allocs := testing.AllocsPerRun(200, func() {
		_, err := in.Reserve(ctx, 4096)
		ptr, err2 := in.Process(ctx, guest.Call{Time: 7})
		in.Settle(1, false, nil)
		if len(in.Region()) != 4096 || len(in.Memory()) != 16*wasm.PageSize || ptr != OutputAt {
			err = errors.New("wrong view of memory")
		}
		fault = errors.Join(fault, err, err2)
	})
	require.NoError(t, fault)
	require.Zero(t, allocs)
}

func TestTrapNamesTheRecordInTheProgressCell(t *testing.T) {
	ctx := context.Background()
	process := Join(Store32(RegionAt+abi.FrameOffProgress, 5), Unreachable())
	m, err := load(t, append(Guest{Process: process}.Module(), functionNames("a\nb", 4)...),
		guest.Limits{})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	_, err = in.Reserve(ctx, 4096)
	require.NoError(t, err)
	_, err = in.Process(ctx, guest.Call{})
	require.EqualError(t, err, "plugin.wasm: wasmflow_process trapped: unreachable")
	var trap *guest.TrapError
	require.True(t, errors.As(err, &trap))
	require.True(t, trap.HasRecord)
	require.Equal(t, uint32(5), trap.Record)
	require.Equal(t, ".a", strings.Split(trap.Trace, "\n")[0])
}

// functionNames is a name section with one name.
func functionNames(name string, function uint32) []byte {
	p := Vec(Join(U32(function), Name(name)))
	return Custom("name", Join([]byte{1}, U32(uint32(len(p))), p))
}

func TestEndlessRecursionIsATrap(t *testing.T) {
	ctx := context.Background()
	g := Guest{}
	g.Process = Join([]byte{0x20, 0, 0x20, 1, 0x20, 2}, Call(g.FirstFunction()+4))
	m, err := load(t, g.Module(), guest.Limits{TimePerBatch: time.Minute})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	_, err = in.Process(ctx, guest.Call{})
	require.ErrorContains(t, err, "out of stack")
	require.True(t, in.Dead())
}

func TestMemoryLimit(t *testing.T) {
	ctx := context.Background()
	// process returns what memory.grow by 100 pages returned.
	m, err := load(t, Guest{Process: Join(I32Const(100), []byte{0x40, 0})}.Module(),
		guest.Limits{MemoryBytes: 200 * wasm.PageSize})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	for _, want := range []uint32{16, 1<<32 - 1, 1<<32 - 1} {
		got, err := in.Process(ctx, guest.Call{})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.Len(t, in.Memory(), 116*wasm.PageSize)
}

func TestHostFunctionsCheckAddresses(t *testing.T) {
	const logFunc, metricFunc = 0, 1
	imports := [][]byte{
		Import("wasmflow", "log", Func, TypeLog), Import("wasmflow", "metric", Func, TypeMetric),
		Import("env", "abort", Func, TypeAbort),
	}
	one := []byte{0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f}
	tests := map[string]struct {
		code []byte
		data []byte
		want string
	}{
		"log beyond memory": {Join(I32Const(0), I32Const(-4), I32Const(8), Call(logFunc)), nil,
			"wasmflow.log: 8 bytes at address 4294967292 are beyond the memory"},
		"metric beyond memory": {Join(I32Const(0), I32Const(1<<30), I32Const(8), one, Call(metricFunc)),
			nil, "wasmflow.metric: 8 bytes at address"},
		"metric of unknown kind": {Join(I32Const(3), I32Const(2048), I32Const(1), one, Call(metricFunc)),
			[]byte("x"), "wasmflow.metric: unknown kind 3"},
		"metric without a name": {Join(I32Const(0), I32Const(2048), I32Const(0), one, Call(metricFunc)),
			nil, `wasmflow.metric: "" is not a name`},
		"metric of a bad name": {Join(I32Const(0), I32Const(2048), I32Const(3), one, Call(metricFunc)),
			[]byte("a-b"), `wasmflow.metric: "a-b" is not a name`},
		"abort": {Join(I32Const(2052), I32Const(0), I32Const(3), I32Const(4), Call(2)),
			[]byte("\x04\x00\x00\x00h\x00i\x00"), "abort: hi at ?:3:4"},
		"abort beyond memory": {Join(I32Const(-8), I32Const(-1), I32Const(3), I32Const(4), Call(2)),
			nil, "abort: ? at ?:3:4"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := Guest{Imports: imports, Process: append(test.code, I32Const(0)...)}
			if test.data != nil {
				g.Data = [][]byte{DataAt(2048, test.data)}
			}
			m, err := load(t, g.Module(), guest.Limits{})
			require.NoError(t, err)
			in := instantiate(t, m, guest.InstanceConfig{})
			_, err = in.Process(context.Background(), guest.Call{})
			require.ErrorContains(t, err, "plugin.wasm: wasmflow_process trapped: "+test.want)
		})
	}
}

func TestInstancesOfOneModuleAreApart(t *testing.T) {
	ctx := context.Background()
	// process counts its calls in a word of memory and returns it.
	process := Join(I32Const(2048), I32Const(2048), []byte{0x28, 2, 0}, I32Const(1),
		[]byte{0x6a, 0x36, 2, 0}, I32Const(2048), []byte{0x28, 2, 0})
	m, err := load(t, Guest{Process: process}.Module(), guest.Limits{})
	require.NoError(t, err)
	a, b := instantiate(t, m, guest.InstanceConfig{}), instantiate(t, m, guest.InstanceConfig{})
	for want := uint32(1); want < 4; want++ {
		got, err := a.Process(ctx, guest.Call{})
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := b.Process(ctx, guest.Call{})
	require.NoError(t, err)
	require.Equal(t, uint32(1), got)

	require.NoError(t, a.Close(ctx))
	require.NoError(t, a.Close(ctx), "Close is idempotent")
	_, err = a.Process(ctx, guest.Call{})
	require.ErrorIs(t, err, guest.ErrDead)
	_, err = b.Process(ctx, guest.Call{})
	require.NoError(t, err)
}

func TestNewRuntimeKnowsItsEngines(t *testing.T) {
	_, err := guest.NewRuntime(guest.Config{Engine: "v8"})
	require.EqualError(t, err, `engine "v8" is none of auto, interpreter`)
}
