package guest_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

func TestLoadAcceptsAMinimalGuest(t *testing.T) {
	m, err := load(t, Guest{}.Module(), guest.Limits{})
	require.NoError(t, err)
	require.Equal(t, "test", m.Description().Name)
	require.Equal(t, "plugin.wasm", m.Path())
	require.Len(t, m.SHA256(), 64)
	require.Equal(t, len(Guest{}.Module()), m.Size())
	require.Equal(t, int64(guest.DefaultMemoryBytes), m.Limits().MemoryBytes)

	i, err := m.Function("f0", "transform")
	require.NoError(t, err)
	require.Zero(t, i)
	_, err = m.Function("enrich")
	require.EqualError(t, err, `plugin.wasm: has no function "enrich"; it has f0`)
	_, err = m.Function("f0", "partitioner")
	require.EqualError(t, err, `plugin.wasm: function "f0" is a transform, here a partitioner is `+
		"needed; name a function of that role, or register it under that role")
}

func TestLoadRefuses(t *testing.T) {
	wasi := func(name string, typeIndex byte) []byte {
		return Import("wasi_snapshot_preview1", name, Func, typeIndex)
	}
	imports := func(list ...[]byte) []byte { return Guest{Imports: list}.Module() }
	tests := map[string]struct {
		module []byte
		want   []string // parts of the message: the reason, then the remedy
	}{
		"empty file": {[]byte{}, []string{"not a WebAssembly binary", "name a .wasm file"}},
		"other file": {[]byte("[plugins]\n"), []string{"not a WebAssembly binary"}},
		"component":  {[]byte{0, 'a', 's', 'm', 0x0d, 0, 1, 0}, []string{"component", "wasm32-wasip1"}},
		"cut off":    {Guest{}.Module()[:200], []string{"is malformed", "damaged"}},
		"invalid":    {Guest{Process: []byte{0x6a}}.Module(), []string{"is not valid", "damaged"}},
		"tail call": {Guest{Process: []byte{0x12, 4}}.Module(),
			[]string{`"tail calls" is not enabled`}},
		"many locals": {hugeLocals(), []string{"locals of a function", "split the function"}},
		"a command": {
			Guest{Exports: [][]byte{Export("memory", Memory, 0), Export("_start", Func, 5)}}.Module(),
			[]string{"is a command", "-buildmode=c-shared"}},
		"no guest": {Guest{Exports: [][]byte{Export("run", Func, 0)}}.Module(),
			[]string{"does not export wasmflow_abi_v1", "wasmflow new plugin"}},
		"other major": {
			Guest{Without: []string{"wasmflow_abi_v1"}, Also: [][]byte{Export("wasmflow_abi_v2", Func, 0)}}.
				Module(), []string{"speaks guest ABI v2, this wasmflow speaks v1", "SDK"}},
		"newer minor": {Guest{Marker: I32Const(7)}.Module(), []string{"needs guest ABI 1.7", "update"}},
		"exports missing": {Guest{Without: []string{"wasmflow_open", "wasmflow_reserve"}}.Module(),
			[]string{"does not export wasmflow_open, wasmflow_reserve", "SDK"}},
		"export of a wrong type": {
			Guest{Without: []string{"wasmflow_open"}, Also: [][]byte{Export("wasmflow_open", Func, 0)}}.
				Module(), []string{"wasmflow_open as () -> i32, it must be (i32, i32) -> i64"}},
		"export of a wrong kind": {
			Guest{Without: []string{"wasmflow_open"}, Also: [][]byte{Export("wasmflow_open", Memory, 0)}}.
				Module(), []string{"wasmflow_open as a memory, it must be a function"}},
		"memory not exported": {Guest{Without: []string{"memory"}}.Module(),
			[]string{`does not export its memory as "memory"`}},
		"memory above the limit": {Guest{Pages: 2_000}.Module(),
			[]string{"starts with 128000 KiB of memory, the limit is 65536 KiB", "raise limits.memory"}},
		"memory imported": {imports(Import("env", "memory", Memory, 0, 1)),
			[]string{"multiple memories"}},
		"table imported": {imports(Import("env", "table", Table, FuncRef, 0, 1)),
			[]string{"imports the table env.table", "functions only"}},
		"global imported": {imports(Import("env", "base", Global, I32, 0)),
			[]string{"imports the global env.base"}},
		"huge table": {Guest{Tables: [][]byte{Join([]byte{FuncRef, 0}, U32(100_000_000))}}.Module(),
			[]string{"tables of 100000000 elements, the limit is 262144"}},
		"table that grows": {Guest{Tables: [][]byte{{FuncRef, 0, 1}},
			Process: []byte{0xd0, FuncRef, 0x41, 0, 0xfc, 0x0f, 0}}.Module(),
			[]string{"grows tables, and table 0 has no maximum"}},
		"table that grows far": {
			Guest{Tables: [][]byte{Join([]byte{FuncRef, 1, 1}, U32(2_000_000))},
				Process: []byte{0xd0, FuncRef, 0x41, 0, 0xfc, 0x0f, 0}}.Module(),
			[]string{"tables of 2000000 elements"}},
		"start function": {Guest{Start: []byte{}}.Module(),
			[]string{"has a start function", "--exportStart _initialize"}},

		"unknown import": {imports(Import("env", "emscripten_resize_heap", Func, TypeReserve)),
			[]string{"env.emscripten_resize_heap", "link what defines it"}},
		"import of state": {imports(Import("wasmflow", "state_get", Func, TypeLog)),
			[]string{`"state" is specified in ABI 1`, "not offered", "without state"}},
		"exit in start": {Guest{Imports: [][]byte{wasi("proc_exit", TypeExit)}, StartExport: Join(
			I32Const(1), Call(0))}.Module(), []string{"trapped in _start: exit with code 1"}},
		"unknown host function": {imports(Import("wasmflow", "fetch", Func, TypeVoid)),
			[]string{"imports wasmflow.fetch, which the host does not offer", "log, metric"}},
		"log of a wrong type": {imports(Import("wasmflow", "log", Func, TypeVoid)),
			[]string{"wasmflow.log as () -> (), the host offers (i32, i32, i32) -> ()"}},
		"GOOS=js": {imports(Import("gojs", "runtime.wasmExit", Func, TypeExit)),
			[]string{"GOOS=wasip1"}},
		"preview 2": {imports(Import("wasi:cli/exit", "exit", Func, TypeExit)),
			[]string{"preview 1"}},
		"wasi_unstable": {imports(Import("wasi_unstable", "fd_close", Func, TypeReserve)),
			[]string{"toolchain"}},
		"wasm-bindgen":   {imports(Import("wbg", "__wbg_now", Func, TypeVoid)), []string{"JavaScript"}},
		"unknown WASI":   {imports(wasi("fd_teleport", TypeReserve)), []string{"does not offer"}},
		"WASI signature": {imports(wasi("random_get", TypeVoid)), []string{"(i32, i32) -> i32"}},
		"control characters": {imports(Import("env", "a\x1b[2J", Func, TypeVoid)),
			[]string{"imports env.a [2J"}},

		"no description": {Guest{Describe: I64Const(0)}.Module(), []string{"describes itself wrongly"}},
		"description beyond memory": {Guest{Describe: I64Const(1<<62 | 100)}.Module(),
			[]string{"trapped in wasmflow_describe", "beyond the memory"}},
		"huge description": {Guest{Describe: I64Const(1 << 30)}.Module(), []string{"1073741824 bytes"}},
		"unknown role":     {Guest{Description: DescriptionOf("wizard")}.Module(), []string{"wizard"}},
		"role of later": {Guest{Description: DescriptionOf("key_selector")}.Module(),
			[]string{"key_selector", "not offered by this version", "update wasmflow"}},
		"trap in initialize": {Guest{Initialize: Unreachable()}.Module(),
			[]string{"trapped in _initialize: unreachable"}},
		"data beyond memory": {Guest{Data: [][]byte{DataAt(-16, []byte("x"))}}.Module(),
			[]string{"out of bounds"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.module, guest.Limits{})
			var refused *guest.RefusedError
			require.True(t, errors.As(err, &refused), "%v", err)
			require.Equal(t, "plugin.wasm", refused.Path)
			require.True(t, strings.HasPrefix(err.Error(), "plugin.wasm: "), err.Error())
			for _, part := range test.want {
				require.Contains(t, err.Error(), part)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func hugeLocals() []byte {
	return Module(Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(U32(0))),
		Section(Code, Vec(BodyWithLocals([][]byte{Join(U32(1<<32-1), []byte{I32})}))))
}

func TestLoadSizeAndPin(t *testing.T) {
	ctx := context.Background()
	rt := newRuntime(t, guest.Config{})
	path := filepath.Join(t.TempDir(), "p.wasm")
	binary := Guest{}.Module()
	require.NoError(t, os.WriteFile(path, binary, 0o600))

	m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
	require.NoError(t, err)
	sum := m.SHA256()
	require.NoError(t, m.Close(ctx))

	m, err = rt.Load(ctx, guest.Source{Path: path, Pin: strings.ToUpper(sum)}, guest.Limits{})
	require.NoError(t, err)
	require.NoError(t, m.Close(ctx))

	_, err = rt.Load(ctx, guest.Source{Path: path, Pin: "abc"}, guest.Limits{})
	require.ErrorContains(t, err, "p.wasm: has SHA-256 "+sum+", the job file pins abc")

	_, err = rt.Load(ctx, guest.Source{Path: path}, guest.Limits{ModuleBytes: 100})
	require.ErrorContains(t, err, "p.wasm: is larger than the limit of 100 bytes; strip it")

	_, err = rt.Load(ctx, guest.Source{Path: path + "x"}, guest.Limits{})
	require.ErrorContains(t, err, "p.wasmx: no such file; build it, or correct the path")

	_, err = rt.Load(ctx, guest.Source{Path: filepath.Dir(path)}, guest.Limits{})
	require.ErrorContains(t, err, "cannot be read")

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = rt.Load(canceled, guest.Source{Path: path}, guest.Limits{})
	require.ErrorIs(t, err, context.Canceled)
}

func TestStartMayExitWithZero(t *testing.T) {
	exit := Import("wasi_snapshot_preview1", "proc_exit", Func, TypeExit)
	m, err := load(t, Guest{Imports: [][]byte{exit}, StartExport: Join(I32Const(0), Call(0))}.Module(),
		guest.Limits{})
	require.NoError(t, err)
	in := instantiate(t, m, guest.InstanceConfig{})
	_, err = in.Process(context.Background(), guest.Call{})
	require.NoError(t, err)
}

func TestOpenIsChecked(t *testing.T) {
	tests := map[string]struct {
		guest Guest
		want  string
	}{
		"text of an error": {
			Guest{Open: I64Const(2048<<32 | 3), Data: [][]byte{DataAt(2048, []byte("no\n"))}},
			"plugin.wasm: refuses its configuration: config: no?"},
		"error beyond memory": {Guest{Open: I64Const(1<<62 | 3)}, "beyond the memory"},
		"huge error":          {Guest{Open: I64Const(1 << 20)}, "1048576 bytes returned"},
		"trap":                {Guest{Open: Unreachable()}, "trapped in wasmflow_open: unreachable"},
		"no region":           {Guest{Reserve: I32Const(0)}, "cannot reserve memory"},
		"region not aligned":  {Guest{Reserve: I32Const(12)}, "address 12 is not aligned to 8"},
		"region beyond":       {Guest{Reserve: I32Const(-8)}, "beyond the memory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := load(t, test.guest.Module(), guest.Limits{})
			require.NoError(t, err)
			_, err = m.Instantiate(context.Background(), guest.InstanceConfig{})
			require.ErrorContains(t, err, test.want)
			var refused *guest.RefusedError
			require.True(t, errors.As(err, &refused), "%v", err)
		})
	}
}
