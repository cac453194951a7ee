package sdk

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// A folder that is added to the Go SDK needs a pattern here; the test of this package tells.
//
//go:embed go/*.go go/json/*.go go/sdktest/*.go go/internal/layout/*.go
var goFiles embed.FS

//go:embed c/*.h c/README.md
var cFiles embed.FS

//go:embed cpp/*.hpp cpp/README.md c/*.h
var cppFiles embed.FS

//go:embed rust/Cargo.toml rust/README.md rust/src/*.rs rust/macros/Cargo.toml rust/macros/src/*.rs
var rustFiles embed.FS

//go:embed assemblyscript/package.json assemblyscript/README.md assemblyscript/testing.mjs
//go:embed assemblyscript/assembly/*.ts
var assemblyScriptFiles embed.FS

//go:embed zig/src/*.zig zig/README.md
var zigFiles embed.FS

//go:embed js/*.js js/*.d.ts js/package.json js/README.md
var javaScriptFiles embed.FS

//go:embed python/pyproject.toml python/README.md python/wasmflow/*.py python/wasmflow/*.pyi
//go:embed python/wasmflow/py.typed
var pythonFiles embed.FS

// File is a source file of an SDK.
type File struct {
	Path string // below the folder of the SDKs: "go/emitter.go"
	Data []byte
}

// Go returns the sources of the Go SDK, sorted by path.
func Go() ([]File, error) { return sources(goFiles) }

// C returns the headers and the page of the C SDK, sorted by path.
func C() ([]File, error) { return sources(cFiles) }

// Cpp returns the header and the page of the C++ SDK, and the headers of C that it needs.
func Cpp() ([]File, error) { return sources(cppFiles) }

// Rust returns the crate of the Rust SDK and that of its macros, sorted by path.
func Rust() ([]File, error) { return sources(rustFiles) }

// AssemblyScript returns the package of the AssemblyScript SDK, sorted by path.
func AssemblyScript() ([]File, error) { return sources(assemblyScriptFiles) }

// Zig returns the sources and the page of the Zig SDK, sorted by path.
func Zig() ([]File, error) { return sources(zigFiles) }

// JavaScript returns the package of the SDK for JavaScript and TypeScript, sorted by path.
func JavaScript() ([]File, error) { return sources(javaScriptFiles) }

// Python returns the package of the SDK for Python, sorted by path.
func Python() ([]File, error) { return sources(pythonFiles) }

// sources returns all files but tests of Go.
func sources(embedded embed.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(embedded, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := embedded.ReadFile(path)
		files = append(files, File{Path: path, Data: data})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading an embedded SDK: %w", err)
	}
	return files, nil
}
