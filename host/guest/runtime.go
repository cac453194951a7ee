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
	"strings"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/host/regular"
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
	// Metering is MeteringOn if empty.
	Metering Metering
	// Compiler is the command that compiles a module in a process of its own, which has limits:
	// RunCompiler with what is written to its standard input. Where it is empty, modules are
	// compiled in this process, without.
	Compiler []string
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
	if cfg.Metering == "" {
		cfg.Metering = MeteringOn
	}
	switch cfg.Metering {
	case MeteringOn, MeteringOff, MeteringEngine:
	default:
		return nil, fmt.Errorf("metering %q is none of %s, %s, %s", cfg.Metering, MeteringOn,
			MeteringOff, MeteringEngine)
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
	m := &Module{
		path: src.Path, limits: limits, metering: r.cfg.Metering, now: r.cfg.Now,
	}
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
	if m.script, err = findScript(parsed); err != nil {
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
	f, err := regular.Open(src.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse("build it, or correct the path", "no such file")
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, refuse("give the user that runs wasmflow the right to it", "cannot be read: %w", err)
	}
	if err != nil {
		return nil, refuse("correct the path", "cannot be read: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	binary, err = io.ReadAll(io.LimitReader(f, limits.ModuleBytes+1))
	if err != nil {
		return nil, refuse("name a .wasm file", "cannot be read: %w", err)
	}
	return binary, nil
}
