package guest_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// engineModules calls visit with every module among the engine's own tests: the suite of the
// WebAssembly standard with its proposals, and modules that once broke the engine.
func engineModules(t testing.TB, visit func(name string, module []byte)) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/tetratelabs/wazero").Output()
	require.NoError(t, err, "finding the engine's folder")
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test")
	require.DirExists(t, dir, "the engine's module comes with its tests")
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

func compileOnly(t testing.TB) func(module []byte) error {
	ctx := context.Background()
	// The interpreter's front half is that of the compiler: decoder, then validation.
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { _ = rt.Close(ctx) })
	return func(module []byte) error {
		compiled, err := rt.CompileModule(ctx, module)
		if err != nil {
			return err
		}
		return compiled.Close(ctx)
	}
}

// TestReaderAcceptsWhatTheEngineAccepts compares the two on every module of the standard's suites.
// The reader may refuse only features that are not enabled (the engine is lax about some) and
// instruction numbers with padding behind the vector prefix (the engine misreads those).
func TestReaderAcceptsWhatTheEngineAccepts(t *testing.T) {
	compile := compileOnly(t)
	both, refused := 0, 0
	engineModules(t, func(name string, module []byte) {
		m, err := wasm.Parse(module)
		var feature *wasm.FeatureError
		if errors.As(err, &feature) {
			if suite := strings.Split(name, "/")[2]; suite == "v1" || suite == "v2" {
				require.Error(t, compile(module), "%s: %v", name, err)
			}
			return
		}
		engine := compile(module)
		if err != nil {
			refused++
			require.Error(t, engine, "%s: %v", name, err)
			return
		}
		if engine == nil {
			both++
			require.NoError(t, compile(m.AppendStripped(nil)), name)
		}
	})
	require.Greater(t, both, 2_500)
	require.Greater(t, refused, 200)
}

// FuzzReaderProtectsTheEngine: what the reader accepts the engine can be shown, without a panic
// and without an allocation out of proportion; and the engine accepts nothing in it that the
// reader's index checks should have refused.
func FuzzReaderProtectsTheEngine(f *testing.F) {
	n := 0
	engineModules(f, func(name string, module []byte) {
		if n++; n%40 == 0 && len(module) < 4<<10 {
			f.Add(module)
		}
	})
	compile := compileOnly(f)
	f.Fuzz(func(t *testing.T, module []byte) {
		m, err := wasm.Parse(module)
		if err != nil {
			return
		}
		if err := compile(m.AppendStripped(nil)); err != nil {
			require.NotContains(t, err.Error(), "recovered by")
		}
	})
}
