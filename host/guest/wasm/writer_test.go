package wasm_test

import (
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// standardModules calls visit with every module among the engine's own tests.
func standardModules(t *testing.T, visit func(name string, module []byte)) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/tetratelabs/wazero").Output()
	require.NoError(t, err, "finding the engine's folder")
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test")
	walk := func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wasm" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			visit(strings.TrimPrefix(path, dir), b)
		}
		return err
	}
	require.NoError(t, filepath.WalkDir(dir, walk))
}

// requireSame requires two modules to be alike in everything but where things stand.
func requireSame(t *testing.T, name string, a, b *wasm.Module) {
	t.Helper()
	require.Equal(t, a.Types, b.Types, name)
	require.Equal(t, a.Imports, b.Imports, name)
	require.Equal(t, a.Funcs, b.Funcs, name)
	require.Equal(t, a.Tables, b.Tables, name)
	require.Equal(t, a.Memories, b.Memories, name)
	require.Equal(t, a.Globals, b.Globals, name)
	require.Equal(t, a.Exports, b.Exports, name)
	require.Equal(t, a.Segments, b.Segments, name)
	require.Equal(t, a.DataSegments, b.DataSegments, name)
	require.Equal(t, a.FuncNames, b.FuncNames, name)
	for i := range a.Bodies {
		x, y := a.Bodies[i], b.Bodies[i]
		require.Equal(t, a.Bytes[x.Start:x.End], b.Bytes[y.Start:y.End], name)
	}
}

// TestWriterKeepsModules writes every module of the standard's suites anew: once as it stands, once
// with its bodies written one by one.
func TestWriterKeepsModules(t *testing.T) {
	n := 0
	standardModules(t, func(name string, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil {
			return
		}
		n++
		bodies := func(dst []byte, i int) []byte {
			return append(dst, module[m.Bodies[i].Start:m.Bodies[i].End]...)
		}
		for _, patch := range []wasm.Patch{{}, {Body: bodies}} {
			again, err := wasm.Parse(m.AppendPatched(nil, &patch))
			require.NoError(t, err, name)
			requireSame(t, name, m, again)
		}
		require.Equal(t, m.AppendStripped(nil), m.AppendPatched(nil, &wasm.Patch{}), name)
	})
	require.Greater(t, n, 2_500)
}

// TestWriterAppends appends one of everything, to a module that has all sections and to one that
// has none.
func TestWriterAppends(t *testing.T) {
	modules := map[string][]byte{"full": unary(), "empty": Module(), "named": Module(
		Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(U32(0))),
		Section(Code, Vec(Body())),
		Custom("name", Section(1, Vec(Join(U32(0), Name("run"))))),
		Custom(".debug_line", []byte("x")))}
	for name, module := range modules {
		t.Run(name, func(t *testing.T) {
			m, err := wasm.Parse(module)
			require.NoError(t, err)
			global, typ, fn := len(m.Globals), len(m.Types), len(m.Funcs)
			code := Join(U32(0), []byte{0x10}, U32(uint32(fn)), []byte{0x0b})
			got, err := wasm.Parse(m.AppendPatched([]byte{}, &wasm.Patch{
				Types: []wasm.FuncType{{}},
				Globals: []wasm.GlobalDef{
					{Type: wasm.I64, Init: math.MinInt64}, {Type: wasm.I32, Init: -1}},
				Exports: []wasm.Export{{Name: "g", Kind: wasm.ExternGlobal, Index: uint32(global)}},
				Funcs:   []wasm.FuncDef{{Name: "new", TypeIndex: uint32(typ), Code: code}},
			}))
			require.NoError(t, err)
			require.Len(t, got.Types, typ+1)
			require.Len(t, got.Globals, global+2)
			require.Equal(t, wasm.Global{Type: wasm.I64, Mutable: true}, got.Globals[global])
			require.Len(t, got.Funcs, fn+1)
			e, ok := got.Export("g")
			require.True(t, ok)
			require.Equal(t, uint32(global), e.Index)
			require.Contains(t, string(got.FuncNames), "new")
			require.Equal(t, name == "named", strings.Contains(string(got.FuncNames), "run"))
			last := got.Bodies[len(got.Bodies)-1]
			require.Equal(t, code, got.Bytes[last.Start:last.End])
		})
	}
}

func TestNumbersAreShort(t *testing.T) {
	for _, v := range []int64{0, 63, 64, -64, -65, 8191, 8192, math.MaxInt32, math.MinInt64} {
		require.Equal(t, S64(v), wasm.AppendS64(nil, v))
	}
	for _, v := range []uint32{0, 127, 128, 1 << 14, math.MaxUint32} {
		require.Equal(t, U32(v), wasm.AppendU32(nil, v))
	}
	require.Equal(t, []byte{0xfc, 10}, wasm.AppendOp(nil, wasm.OpMemoryCopy))
	require.Equal(t, []byte{0xfd, 0xff, 1}, wasm.AppendOp(nil, 0xfdff))
}
