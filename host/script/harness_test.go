package script_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/guesttest"
	"github.com/wasmflow/wasmflow/host/script"
)

// shared is a folder with a cache that holds the engine, compiled once for all tests.
var shared struct {
	sync.Once
	dir string
	rt  *guest.Runtime
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(shared.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// newRuntime returns the runtime of all tests.
func newRuntime(t *testing.T) *guest.Runtime {
	t.Helper()
	shared.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "script-test"); shared.err != nil {
			return
		}
		var plugin []byte
		plugin, shared.err = script.Pack(&script.Script{Name: "x.js", Text: []byte(`
			import { plugin, transform } from "wasmflow";
			plugin({ name: "x" });
			transform("x", () => {});`)})
		path := filepath.Join(shared.dir, "x.wasm")
		if shared.err == nil {
			shared.err = os.WriteFile(path, plugin, 0o600)
		}
		if shared.err == nil {
			shared.rt, shared.err = guesttest.NewRuntime(shared.dir, guest.Config{}, path)
		}
	})
	require.NoError(t, shared.err)
	return shared.rt
}

// patient are limits that a slow machine does not reach, and that leave it to the engine to stop a
// script: its own bounds count steps, and what nests in it, as JSON and code do, may take more stack
// than the host gives by default.
func patient() guest.Limits {
	return guest.Limits{
		TimePerBatch: time.Hour, TimePerRecord: time.Hour, TimeToStart: time.Hour,
		StackBytes: 4 << 20,
	}
}

// load packs the text of a script and loads it.
func load(t *testing.T, text string) (*guest.Module, error) {
	t.Helper()
	return loadWithin(t, patient(), text)
}

func loadWithin(t *testing.T, limits guest.Limits, text string) (*guest.Module, error) {
	t.Helper()
	return loadScript(t, limits, &script.Script{Name: "plugin.js", Text: []byte(text)})
}

func loadScript(t *testing.T, limits guest.Limits, s *script.Script) (*guest.Module, error) {
	t.Helper()
	plugin, err := script.Pack(s)
	require.NoError(t, err)
	m, err := newRuntime(t).Load(context.Background(),
		guest.Source{Path: "plugin.wasm", Bytes: plugin}, limits)
	if err == nil {
		t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
	}
	return m, err
}
