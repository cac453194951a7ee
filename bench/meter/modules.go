package main

import (
	"context"
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
}

// committed is the folder of the modules that are made by the Makefile beside this file.
const committed = "bench/meter/modules/"

func modules() []module {
	logs := `127.0.0.1 - - [12/Oct/2026:10:11:12 +0000] "GET /shop/cart?item=7 HTTP/1.1" 200 5123 ` +
		`"https://example.org/" "Mozilla/5.0 (X11; Linux x86_64)"`
	order := `{"id":123,"country":"de","amount":12.5,"level":"error","tags":["a","b"]}`
	text := "The quick brown fox jumps over the lazy dog; pack my box with five dozen liquor jugs. " +
		"0123456789"
	return []module{
		goGuest("uppercase", "", frame("uppercase", text)),
		goGuest("access-log", "", frame("access_log", logs)),
		goGuest("json-route", `{"field":"level","routes":{"error":"errors"}}`,
			frame("json_route", order)),
		goGuest("csv-parse", `{"columns":["a","b","c","d"]}`,
			frame("csv_parse", `1,two,"three, four",5.5`)),
		goGuest("bucket-by-field", `{"path":"country={country}"}`, frame("bucket_by_field", order)),
		file("uppercase-c", "clang 19, SIMD", "guests/uppercase-c/uppercase_c.wasm",
			frame("uppercase", text)),
		file("uppercase-c-scalar", "clang 19", "guests/uppercase-c/uppercase_c_scalar.wasm",
			frame("uppercase", text)),
		file("records-clang", "clang 19", committed+"records-clang.wasm", records(text, order)...),
		file("records-zig-cc", "zig cc 0.17", committed+"records-zig-cc.wasm",
			records(text, order)...),
		file("bench-zig", "zig 0.17", committed+"bench-zig.wasm",
			exported("upper", "json", "sort", "sha256")...),
		file("bench-rust", "rustc 1.95", committed+"bench-rust.wasm",
			exported("upper", "json", "sort", "words")...),
		file("bench-as", "AssemblyScript 0.28", committed+"bench-as.wasm",
			probes(exported("upper", "words", "sort", "fibonacci"), "fibonacci")...),
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

func runCommand(cmd *exec.Cmd) error {
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", filepath.Base(cmd.Path), err, text)
	}
	return nil
}
