package guesttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/wasmflow/wasmflow/host/guest"
)

const (
	packagePath = "github.com/wasmflow/wasmflow/host/guest/guesttest"
	// How the process that fills a cache is told so.
	envCache   = "WASMFLOW_GUESTTEST_CACHE"
	envModules = "WASMFLOW_GUESTTEST_MODULES"
)

// Build builds the Go plugin in folder pkg, relative to the working directory, as a module in dir
// and returns its path. The names of its functions are kept, so that traps can tell them.
func Build(dir, pkg string) (string, error) {
	out := filepath.Join(dir, filepath.Base(pkg)+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-w", "-o", out, ".")
	cmd.Dir = pkg
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, text)
	}
	return out, nil
}

// NewRuntime returns a runtime. Under the race detector its cache, in dir, holds the modules
// already; cfg.CacheDir is set by this function.
func NewRuntime(dir string, cfg guest.Config, modules ...string) (*guest.Runtime, error) {
	cfg.CacheDir = filepath.Join(dir, "cache")
	if raceEnabled {
		if err := fill(cfg.CacheDir, modules); err != nil {
			return nil, err
		}
	}
	return guest.NewRuntime(cfg)
}

// fill has the modules compiled by the test binary of this package, built without the detector. It
// is a test binary because the engine's cache tells those from others.
func fill(cache string, modules []string) error {
	cmd := exec.Command("go", "test", "-count=1", packagePath)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", envCache+"="+cache,
		envModules+"="+strings.Join(modules, string(os.PathListSeparator)))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("filling the compilation cache: %w\n%s", err, text)
	}
	return nil
}

// compile is the other end of fill.
func compile(cache string, modules []string) error {
	rt, err := guest.NewRuntime(guest.Config{CacheDir: cache})
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, path := range modules {
		m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
		if err != nil {
			return err
		}
		if err := m.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}
