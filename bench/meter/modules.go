package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is one module to measure.
type module struct {
	name     string
	compiler string
	config   string // of the plugin, JSON
	// build writes the module to a file.
	build func(ctx context.Context, b *builder, out string) error
	work  []workload
}

// builder knows where things are.
type builder struct {
	repository string
	dir        string
	python     string // that has ziglang
	asc        string // AssemblyScript's compiler
}

// errNoCompiler is returned by a build whose compiler is not at hand.
var errNoCompiler = errors.New("the compiler is not at hand")

// The versions that are fetched where they are not at hand.
const (
	ziglang        = "ziglang==0.17.1"
	assemblyScript = "assemblyscript@0.28.20"
)

func modules() []module {
	logs := `127.0.0.1 - - [12/Oct/2026:10:11:12 +0000] "GET /shop/cart?item=7 HTTP/1.1" 200 5123 ` +
		`"https://example.org/" "Mozilla/5.0 (X11; Linux x86_64)"`
	order := `{"id":123,"country":"de","amount":12.5,"level":"error","tags":["a","b"]}`
	text := "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs. 0123456789"
	return []module{
		goGuest("uppercase", "", frame("uppercase", text)),
		goGuest("access-log", "", frame("access_log", logs)),
		goGuest("json-route", `{"field":"level","routes":{"error":"errors"}}`, frame("json_route", order)),
		goGuest("csv-parse", `{"columns":["a","b","c","d"]}`, frame("csv_parse", "1,two,\"three, four\",5.5")),
		goGuest("bucket-by-field", `{"path":"country={country}"}`, frame("bucket_by_field", order)),
		file("uppercase-c", "clang 19, SIMD", "guests/uppercase-c/uppercase_c.wasm",
			frame("uppercase", text)),
		file("uppercase-c-scalar", "clang 19", "guests/uppercase-c/uppercase_c_scalar.wasm",
			frame("uppercase", text)),
		{name: "records-clang", compiler: "clang 19", build: clang, work: records(text, order)},
		{name: "records-zig-cc", compiler: "zig cc", build: zigCC, work: records(text, order)},
		{name: "bench-zig", compiler: "zig", build: zig, work: exported("upper", "json", "sort", "sha256")},
		{name: "bench-as", compiler: "AssemblyScript", build: as,
			work: exported("upper", "words", "sort", "fibonacci")},
	}
}

func records(text, order string) []workload {
	long := strings.Repeat(text, 10)
	return []workload{frame("upper", text), frame("json", order), frame("sort", long),
		frame("sha256", long)}
}

func goGuest(name, config string, work ...workload) module {
	return module{name: name, compiler: "Go", config: config, work: work,
		build: func(ctx context.Context, b *builder, out string) error {
			cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildmode=c-shared",
				"-ldflags=-s -w", "-o", out, "./guests/"+name)
			cmd.Dir, cmd.Env = b.repository, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
			return runCommand(cmd)
		}}
}

// file is a module that is committed.
func file(name, compiler, path string, work ...workload) module {
	return module{name: name, compiler: compiler, work: work,
		build: func(_ context.Context, b *builder, out string) error {
			data, err := os.ReadFile(filepath.Join(b.repository, path))
			if err != nil {
				return err
			}
			return os.WriteFile(out, data, 0o644)
		}}
}

// cFlags are common to both compilers of C.
func (b *builder) cFlags(out string) []string {
	return []string{"-std=c17", "-O2", "-ffreestanding", "-nostdlib", "-mbulk-memory",
		"-I" + filepath.Join(b.repository, "guests/uppercase-c/src"),
		"-Wl,--no-entry", "-Wl,--strip-debug", "-Wl,-z,stack-size=65536", "-o", out,
		filepath.Join(b.repository, "bench/meter/src/records.c")}
}

func clang(ctx context.Context, b *builder, out string) error {
	path, err := exec.LookPath("clang-19")
	if err != nil {
		return fmt.Errorf("%w: %w", errNoCompiler, err)
	}
	return runCommand(exec.CommandContext(ctx, path,
		append([]string{"--target=wasm32"}, b.cFlags(out)...)...))
}

func zigCC(ctx context.Context, b *builder, out string) error {
	if err := b.fetchZig(ctx); err != nil {
		return err
	}
	return runCommand(exec.CommandContext(ctx, b.python,
		append([]string{"-m", "ziglang", "cc", "-target", "wasm32-freestanding"}, b.cFlags(out)...)...))
}

func zig(ctx context.Context, b *builder, out string) error {
	if err := b.fetchZig(ctx); err != nil {
		return err
	}
	return runCommand(exec.CommandContext(ctx, b.python, "-m", "ziglang", "build-exe",
		filepath.Join(b.repository, "bench/meter/src/bench.zig"), "-target", "wasm32-freestanding",
		"-O", "ReleaseFast", "-fstrip", "-fno-entry", "-rdynamic", "--stack", "131072",
		"-femit-bin="+out))
}

// fetchZig installs zig into a folder of its own, once.
func (b *builder) fetchZig(ctx context.Context) error {
	folder := filepath.Join(b.dir, "zig")
	b.python = filepath.Join(folder, "bin", "python")
	if exec.CommandContext(ctx, b.python, "-m", "ziglang", "version").Run() == nil {
		return nil
	}
	if err := exec.CommandContext(ctx, "python3", "-m", "venv", folder).Run(); err != nil {
		return fmt.Errorf("%w: %w", errNoCompiler, err)
	}
	return runCommand(exec.CommandContext(ctx, b.python, "-m", "pip", "install", "-q", ziglang))
}

func as(ctx context.Context, b *builder, out string) error {
	folder := filepath.Join(b.dir, "as")
	b.asc = filepath.Join(folder, "node_modules", ".bin", "asc")
	if _, err := os.Stat(b.asc); err != nil {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "npm", "install", "--silent", "--prefix", folder, assemblyScript)
		if err := runCommand(cmd); err != nil {
			return fmt.Errorf("%w: %w", errNoCompiler, err)
		}
	}
	return runCommand(exec.CommandContext(ctx, b.asc,
		filepath.Join(b.repository, "bench/meter/src/bench.ts"), "-O3", "--runtime", "incremental",
		"--exportStart", "_initialize", "-o", out))
}

func runCommand(cmd *exec.Cmd) error {
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", filepath.Base(cmd.Path), err, text)
	}
	return nil
}
