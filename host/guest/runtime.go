package guest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// Engine says how guest code is run.
type Engine string

// The engines. The compiler is 10 times faster or more; it exists for amd64 and arm64 on the
// usual systems, and EngineAuto falls back to the interpreter elsewhere.
const (
	EngineAuto        Engine = "auto"
	EngineInterpreter Engine = "interpreter"
)

// Config configures a Runtime.
type Config struct {
	// CacheDir keeps compiled modules over restarts; empty for none. It is created with mode 0700
	// and has to be out of others' reach: it holds machine code.
	CacheDir string
	// Engine is EngineAuto if empty.
	Engine Engine
	// Meter bounds the cost of guest code; nil for no bounds.
	Meter Meter
	// Logger hears of a cache that cannot be used; nil for nobody.
	Logger *slog.Logger
	// Now is the host's clock, for the rate of log lines; nil for time.Now.
	Now func() time.Time
}

// Runtime loads plugins. It may be used by several goroutines at a time.
type Runtime struct {
	cfg   Config
	cache *diskCache
	hosts []hostModule
	// compiling bounds what compilation takes of the machine: one module at a time, which has
	// all processors.
	compiling sync.Mutex
}

// NewRuntime returns a Runtime. A cache folder that cannot be made, or kept from others, is told to
// the logger and not used.
func NewRuntime(cfg Config) (*Runtime, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Engine == "" {
		cfg.Engine = EngineAuto
	}
	if cfg.Engine != EngineAuto && cfg.Engine != EngineInterpreter {
		return nil, fmt.Errorf("engine %q is none of %s, %s", cfg.Engine, EngineAuto, EngineInterpreter)
	}
	r := &Runtime{cfg: cfg, hosts: hostModules()}
	if cfg.CacheDir != "" {
		cache, err := openDiskCache(cfg.CacheDir)
		if err != nil {
			cfg.Logger.Warn("compilation cache not used: every start compiles anew", "error", err)
		}
		r.cache = cache
	}
	return r, nil
}

// Source is a plugin to load.
type Source struct {
	// Path names the plugin in messages. If Bytes is nil it is read from the local disk.
	Path  string
	Bytes []byte
	// Pin is the SHA-256 the file must have, in hexadecimal; empty for any.
	Pin string
}

// Load reads, checks and compiles a plugin and asks it what it is. The error is a *RefusedError,
// or the context's.
func (r *Runtime) Load(ctx context.Context, src Source, limits Limits) (*Module, error) {
	limits = limits.withDefaults()
	m := &Module{path: src.Path, limits: limits, meter: r.cfg.Meter, now: r.cfg.Now}
	binary, err := read(src, limits)
	if err != nil {
		return nil, m.refused(err)
	}
	sum := sha256.Sum256(binary)
	m.sha256, m.size = hex.EncodeToString(sum[:]), len(binary)
	if src.Pin != "" && !strings.EqualFold(src.Pin, m.sha256) {
		return nil, m.refused(refuse("put the new hash into the job file if the change is meant",
			"has SHA-256 %s, the job file pins %s", m.sha256, clip(printable(src.Pin), 64)))
	}
	parsed, err := admit(binary, limits, r.hosts)
	if err != nil {
		return nil, m.refused(err)
	}
	ready, err := r.rewrite(parsed)
	if err != nil {
		return nil, m.refused(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.compile(ctx, m, ready); err != nil {
		return nil, m.refused(err)
	}
	if m.description, err = m.Describe(ctx); err != nil {
		return nil, errors.Join(err, m.Close(ctx))
	}
	return m, nil
}

// read returns the plugin's bytes. It reads one byte more than the limit at most.
func read(src Source, limits Limits) (binary []byte, err error) {
	if src.Bytes != nil {
		return src.Bytes, nil
	}
	f, err := os.Open(src.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("build it, or correct the path", "no such file")
	}
	if err != nil {
		return nil, refuse("", "cannot be read: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	binary, err = io.ReadAll(io.LimitReader(f, limits.ModuleBytes+1))
	if err != nil {
		return nil, refuse("name a .wasm file", "cannot be read: %w", err)
	}
	return binary, nil
}

// rewrite strips the module and lets the meter put its checks in.
func (r *Runtime) rewrite(m *wasm.Module) ([]byte, error) {
	stripped := m.AppendStripped(make([]byte, 0, len(m.Bytes)))
	if r.cfg.Meter == nil {
		return stripped, nil
	}
	parsed, err := wasm.Parse(stripped)
	if err != nil {
		return nil, fmt.Errorf("reading the stripped module: %w", err)
	}
	out, err := r.cfg.Meter.Rewrite(parsed, stripped)
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
	if r.cache == nil || r.cfg.Engine == EngineInterpreter {
		return r.compileWith(ctx, m, binary, nil)
	}
	entry := r.cache.entry(binary, r.meterVersion())
	cacheErr := r.compileCached(ctx, m, binary, entry)
	if cacheErr == nil {
		return nil
	}
	// A damaged or unwritable cache must not keep a plugin from running; if it is the plugin that
	// is at fault, it will be so without the cache too.
	entry.remove()
	if err := r.compileWith(ctx, m, binary, nil); err != nil {
		return err
	}
	r.cfg.Logger.Warn("compilation cache not used", "plugin", m.path, "error", cacheErr)
	return nil
}

func (r *Runtime) meterVersion() string {
	if r.cfg.Meter == nil {
		return ""
	}
	return r.cfg.Meter.Version()
}

func (r *Runtime) compileCached(
	ctx context.Context, m *Module, binary []byte, entry cacheEntry,
) error {
	if err := entry.prepare(); err != nil {
		return err
	}
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

func (r *Runtime) compileWith(
	ctx context.Context, m *Module, binary []byte, cache wazero.CompilationCache,
) error {
	cfg := wazero.NewRuntimeConfig()
	if r.cfg.Engine == EngineInterpreter {
		cfg = wazero.NewRuntimeConfigInterpreter()
	}
	cfg = cfg.WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(m.limits.memoryPages()).
		WithDebugInfoEnabled(false).
		WithCustomSections(false)
	if cache != nil {
		cfg = cfg.WithCompilationCache(cache)
	}
	rt := wazero.NewRuntimeWithConfig(ctx, cfg)
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
