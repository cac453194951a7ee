package guest_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

var buildCompiler = sync.OnceValues(func() ([]string, error) {
	out := filepath.Join(filepath.Dir(rawGuest), "compiler")
	cmd := exec.Command("go", "build", "-o", out, "./testdata/compiler")
	// Without the race detector, whose shadow of the memory counts as the process's data.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, errors.Join(err, errors.New(string(text)))
	}
	return []string{out}, nil
})

// apart is a configuration whose modules are compiled by another process. The limits of processes
// differ between systems, and Linux is the one that is promised, so these tests are for it alone.
func apart(t *testing.T, cacheDir string) guest.Config {
	t.Helper()
	command, err := buildCompiler()
	require.NoError(t, err)
	return guest.Config{CacheDir: cacheDir, Compiler: command}
}

// loadWith loads a module and closes it again.
func loadWith(t *testing.T, cfg guest.Config, binary []byte, limits guest.Limits) error {
	t.Helper()
	ctx := context.Background()
	m, err := newRuntime(t, cfg).Load(ctx, guest.Source{Path: "p.wasm", Bytes: binary}, limits)
	if err == nil {
		require.NoError(t, m.Close(ctx))
	}
	return err
}

// nested is a guest with functions of so many nested loops: compiling takes time that grows with
// the square of the depth.
func nested(depth int) []byte {
	loops := Join([]byte(strings.Repeat("\x03\x40", depth)), I32Const(0), []byte{0x0d, 0},
		[]byte(strings.Repeat("\x0b", depth)))
	return Guest{Initialize: loops, StartExport: loops, Marker: Join(loops, I32Const(0))}.Module()
}

// straight is a guest with one long function without a branch: compiling takes a hundred times its
// size of memory.
func straight(instructions int) []byte {
	step := Join([]byte{0x20, 0}, I32Const(3), []byte{0x6c, 0x21, 0})
	steps := []byte(strings.Repeat(string(step), instructions))
	return Guest{Process: append(steps, I32Const(0)...)}.Module()
}

func TestModulesAreCompiledApart(t *testing.T) {
	dir := t.TempDir()
	binary := Guest{}.Module()
	cfg := apart(t, dir)
	require.NoError(t, loadWith(t, cfg, binary, guest.Limits{}))
	require.NotEmpty(t, files(t, dir))

	cfg.Compiler = []string{filepath.Join(dir, "no-such-program")}
	require.NoError(t, loadWith(t, cfg, binary, guest.Limits{}), "it is known")
	err := loadWith(t, cfg, nested(2), guest.Limits{})
	require.ErrorContains(t, err, "p.wasm: starting the compiler: ")
}

func TestModulesAreCompiledApartWithoutACache(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	require.NoError(t, loadWith(t, apart(t, ""), Guest{}.Module(), guest.Limits{}))
	left, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestCompileBombsAreRefused(t *testing.T) {
	tests := map[string]struct {
		module []byte
		limits guest.Limits
		want   string
	}{
		"time": {nested(7_500), guest.Limits{CompileTime: time.Second},
			"p.wasm: takes more than 1s of processor time to compile; split large functions, " +
				"or raise limits.compile_time"},
		"memory": {straight(400_000), guest.Limits{CompileBytes: 96 << 20},
			"p.wasm: takes more than 100663296 bytes of memory to compile; split large functions, " +
				"or raise limits.compile_memory"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := apart(t, dir)
			require.EqualError(t, loadWith(t, cfg, test.module, test.limits), test.want)

			// The verdict is kept, for these limits.
			cfg.Compiler = []string{filepath.Join(dir, "no-such-program")}
			require.EqualError(t, loadWith(t, cfg, test.module, test.limits), test.want)
			require.ErrorContains(t, loadWith(t, cfg, test.module, guest.Limits{}),
				"starting the compiler")
		})
	}
}

func TestTheCompilersWordIsPassedOn(t *testing.T) {
	cfg := apart(t, "")
	require.ErrorContains(t, loadWith(t, cfg, Guest{Process: []byte{0x6a}}.Module(), guest.Limits{}),
		"p.wasm: is not valid: ")

	cfg.Compiler = []string{"sh", "-c", "echo 'no such luck' >&2; exit 7"}
	require.ErrorContains(t, loadWith(t, cfg, Guest{}.Module(), guest.Limits{}), "no such luck")
}

func TestACompilerEndsWithItsContext(t *testing.T) {
	cfg := apart(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	started := filepath.Join(t.TempDir(), "started")
	cfg.Compiler = []string{"sh", "-c", "exec 3>" + started + "; exec sleep 1000"}
	go func() {
		defer cancel()
		for {
			if _, err := os.Stat(started); err == nil {
				return
			}
			runtime.Gosched()
		}
	}()
	_, err := newRuntime(t, cfg).Load(ctx, guest.Source{Path: "p.wasm", Bytes: Guest{}.Module()},
		guest.Limits{})
	require.ErrorIs(t, err, context.Canceled)
}
