package meter_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/wasmflow/wasmflow/host/guest/meter"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

const (
	budget = 1 << 34
	depth  = 1 << 20
)

// engineTests is the folder of the engine's own tests, which come with its module.
func engineTests(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/tetratelabs/wazero").Output()
	require.NoError(t, err, "finding the engine's folder")
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test")
	require.DirExists(t, dir)
	return dir
}

// engineModules calls visit with every module among the engine's own tests.
func engineModules(t testing.TB, visit func(name string, module []byte)) {
	t.Helper()
	dir := engineTests(t)
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

// rewrite returns the module with checks in it, or false if the reader refuses it.
func rewrite(t testing.TB, module []byte) ([]byte, bool) {
	t.Helper()
	m, err := wasm.Parse(module)
	if err != nil {
		return nil, false
	}
	out, err := meter.Rewrite(m)
	require.NoError(t, err)
	return out, true
}

// newRuntime returns an engine for WebAssembly 2.0.
func newRuntime(t testing.TB, cfg wazero.RuntimeConfig) wazero.Runtime {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, cfg.WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { require.NoError(t, r.Close(ctx)) })
	return r
}

// set sets one of the rewriter's globals.
func set(t testing.TB, m api.Module, name string, v uint64) {
	t.Helper()
	g, ok := m.ExportedGlobal(name).(api.MutableGlobal)
	require.True(t, ok, name)
	g.Set(v)
}

func get(t testing.TB, m api.Module, name string) int64 {
	t.Helper()
	g := m.ExportedGlobal(name)
	require.NotNil(t, g, name)
	if g.Type() == api.ValueTypeI32 {
		return int64(int32(uint32(g.Get())))
	}
	return int64(g.Get())
}

// arm gives an instance a budget.
func arm(t testing.TB, m api.Module, fuel int64) {
	t.Helper()
	set(t, m, meter.GlobalFuel, uint64(min(fuel, meter.Slice)))
	set(t, m, meter.GlobalBudget, uint64(max(fuel-meter.Slice, 0)))
	set(t, m, meter.GlobalDepth, depth)
	set(t, m, meter.GlobalStop, 0)
}

// spent is what was used of a budget.
func spent(t testing.TB, m api.Module, fuel int64) int64 {
	t.Helper()
	return fuel - get(t, m, meter.GlobalFuel) - get(t, m, meter.GlobalBudget)
}

// requireSameMemory compares the whole linear memories.
func requireSameMemory(t testing.TB, plain, metered api.Module, at string) {
	t.Helper()
	a, b := plain.Memory(), metered.Memory()
	if reflect.ValueOf(a).IsNil() { // a nil pointer in an interface
		require.True(t, reflect.ValueOf(b).IsNil(), at)
		return
	}
	require.Equal(t, a.Size(), b.Size(), at)
	x, _ := a.Read(0, a.Size())
	y, _ := b.Read(0, b.Size())
	require.True(t, bytes.Equal(x, y), "%s: memories differ", at)
}

// reason is the first line of a trap.
func reason(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
