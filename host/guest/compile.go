package guest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasmflow/wasmflow/host/guest/meter"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// rewrite strips the module and puts the meter's checks in.
func (r *Runtime) rewrite(m *wasm.Module) ([]byte, error) {
	if r.cfg.Metering != MeteringOn {
		return m.AppendStripped(make([]byte, 0, len(m.Bytes))), nil
	}
	out, err := meter.Rewrite(m)
	if errors.Is(err, meter.ErrReserved) {
		return nil, refuse("build it without that export", "%w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("rewriting for metering: %w", err)
	}
	return out, nil
}

// compile gives m a runtime of its own, so that its memory limit holds for it alone and closing it
// frees everything.
func (r *Runtime) compile(ctx context.Context, m *Module, binary []byte) error {
	r.compiling.Lock()
	defer r.compiling.Unlock()
	if r.cfg.Engine == EngineInterpreter {
		return r.compileWith(ctx, m, binary, nil)
	}
	var cacheErr error
	if r.cache != nil {
		entry := r.cache.entry(binary, r.meterVersion())
		known, err := entry.prepare()
		if err == nil {
			return r.compileEntry(ctx, m, binary, entry, known)
		}
		cacheErr = err
	}
	// A damaged or unwritable cache must not keep a plugin from running; if it is the plugin that is
	// at fault, it is so without the cache too.
	if err := r.compileUncached(ctx, m, binary); err != nil {
		return err
	}
	if cacheErr != nil {
		r.cfg.Logger.Warn("compilation cache not used", "plugin", m.path, "error", cacheErr)
	}
	return nil
}

// compileUncached compiles a module that is not kept. Where another process compiles, it hands the
// result over in a folder.
func (r *Runtime) compileUncached(ctx context.Context, m *Module, binary []byte) error {
	if len(r.cfg.Compiler) == 0 {
		return r.compileWith(ctx, m, binary, nil)
	}
	cache, remove, err := newHandover()
	if err != nil {
		return err
	}
	entry := cache.entry(binary, r.meterVersion())
	return errors.Join(r.compileEntry(ctx, m, binary, entry, false), remove())
}

// compileEntry compiles by way of an entry of a cache; known tells that it is complete.
func (r *Runtime) compileEntry(
	ctx context.Context, m *Module, binary []byte, entry cacheEntry, known bool,
) error {
	if len(r.cfg.Compiler) > 0 {
		if err := r.tryApart(ctx, m, binary, entry, known); err != nil {
			return err
		}
	}
	cacheErr := r.compileCached(ctx, m, binary, entry)
	if cacheErr == nil {
		return nil
	}
	// If it is the plugin that is at fault, it will be so without the cache too.
	entry.remove()
	if err := r.compileWith(ctx, m, binary, nil); err != nil {
		return err
	}
	r.cfg.Logger.Warn("compilation cache not used", "plugin", m.path, "error", cacheErr)
	return nil
}

func (r *Runtime) meterVersion() string {
	if r.cfg.Metering != MeteringOn {
		return string(r.cfg.Metering)
	}
	return meter.Version
}

func (r *Runtime) compileCached(
	ctx context.Context, m *Module, binary []byte, entry cacheEntry,
) error {
	cache, err := wazero.NewCompilationCacheWithDir(entry.dir)
	if err != nil {
		return fmt.Errorf("opening the compilation cache: %w", err)
	}
	if err := r.compileWith(ctx, m, binary, cache); err != nil {
		return errors.Join(err, cache.Close(ctx))
	}
	if err := entry.seal(); err != nil {
		// The module is compiled; only the next start will have to do it again.
		entry.remove()
		r.cfg.Logger.Warn("compiled module not cached", "plugin", m.path, "error", err)
	}
	return nil
}

// engineConfig is what modules are compiled with, in this process or another: the engine's cache
// must know them again.
func engineConfig(
	cfg wazero.RuntimeConfig, pages uint32, cache wazero.CompilationCache,
) wazero.RuntimeConfig {
	cfg = cfg.WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(pages).
		WithDebugInfoEnabled(false).
		WithCustomSections(false)
	if cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	return cfg
}

func (r *Runtime) compileWith(
	ctx context.Context, m *Module, binary []byte, cache wazero.CompilationCache,
) error {
	cfg := wazero.NewRuntimeConfig()
	if r.cfg.Engine == EngineInterpreter {
		cfg = wazero.NewRuntimeConfigInterpreter()
	}
	cfg = cfg.WithCloseOnContextDone(r.cfg.Metering == MeteringEngine)
	rt := wazero.NewRuntimeWithConfig(ctx, engineConfig(cfg, m.limits.memoryPages(), cache))
	if err := register(ctx, rt, r.hosts); err != nil {
		return errors.Join(err, rt.Close(ctx))
	}
	compiled, err := rt.CompileModule(
		experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0)), binary)
	if err != nil {
		refused := refuse("build it again: the file is damaged", "is not valid: %w", err)
		return errors.Join(refused, rt.Close(ctx))
	}
	m.runtime, m.compiled, m.cache = rt, compiled, cache
	return nil
}
