package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/guests/prebuilt"
	"github.com/wasmflow/wasmflow/host/script"
)

// contender is a row of the table.
type contender struct {
	language string
	tool     string
	upper    plugin // makes ASCII letters of values capitals
	order    plugin // parses JSON and routes by it; the zero value where there is none
	// bound is how many times as long as C the upper case may take; 0 for any.
	bound float64
}

// plugin is a function of a module.
type plugin struct {
	function string
	load     func(ctx context.Context) ([]byte, error)
}

func (p plugin) there() bool { return p.load != nil }

// The contenders that others are compared with.
const (
	scalarC = "C without SDK"
	simdC   = "C without SDK, SIMD"
)

// functions of the guests.
const (
	conformanceUpper = "upper"
	exampleOrder     = "route_order"
	uppercaseC       = "uppercase"
)

// bounds of the languages that have one.
func bounds() map[string]float64 {
	return map[string]float64{
		"Rust": 1.5, "C++": 1.5, "Zig": 1.5, "AssemblyScript": 1.5, "Go": 5, "JavaScript": 15,
		"TypeScript": 15,
	}
}

// contenders lists those of the repository at root, C first.
func contenders(root string) ([]contender, error) {
	all, err := prebuilt.All(os.DirFS(root))
	if err != nil {
		return nil, err
	}
	list := []contender{
		{language: scalarC, tool: "clang 19.1.7",
			upper: file(root, "guests/uppercase-c/uppercase_c_scalar.wasm", uppercaseC)},
		{language: simdC, tool: "clang 19.1.7",
			upper: file(root, "guests/uppercase-c/uppercase_c.wasm", uppercaseC)},
	}
	for _, m := range all {
		if m.Kind == prebuilt.KindConformance {
			list = append(list, contender{language: m.Language, tool: toolOf(m),
				upper: file(root, m.Wasm(), conformanceUpper), order: example(root, all, m.Language)})
		}
	}
	list = append(list, contender{language: "Go", tool: "Go " + strings.TrimPrefix(runtime.Version(),
		"go"), upper: goGuest(root, "conformance-go", conformanceUpper),
		order: goGuest(root, "examples-go", exampleOrder)})
	for _, s := range scripted() {
		c, err := s.contender(root, all)
		if err != nil {
			return nil, err
		}
		if c.upper.there() {
			list = append(list, c)
		}
	}
	for i := range list {
		list[i].bound = bounds()[list[i].language]
	}
	return list, nil
}

// toolOf is the tool's name and version, without where to get it.
func toolOf(m *prebuilt.Manifest) string {
	tool, _, _ := strings.Cut(m.Toolchain, " (")
	tool, _, _ = strings.Cut(tool, " with ")
	return tool
}

// example finds the example plugin of a language among the committed modules.
func example(root string, all []*prebuilt.Manifest, language string) plugin {
	for _, m := range all {
		if m.Kind == prebuilt.KindExample && m.Language == language {
			return file(root, m.Wasm(), exampleOrder)
		}
	}
	return plugin{}
}

// scriptLanguage is a language whose plugins are scripts, packed with a committed engine.
type scriptLanguage struct {
	language, engine string
	upper, order     string // scripts, from the root
}

func scripted() []scriptLanguage {
	const scripts = "bench/languages/scripts/"
	return []scriptLanguage{
		// The kit's guests take bytes that are no text as well, which few scripts do.
		{"JavaScript", "QuickJS-ng 0.16.2", scripts + "upper.js", "guests/examples-js/plugin.js"},
		{"TypeScript", "QuickJS-ng 0.16.2", scripts + "upper.ts", "guests/examples-ts/plugin.ts"},
		{"Python", "RustPython 0.6.0", "guests/conformance-python/plugin.py",
			"guests/examples-python/plugin.py"},
	}
}

// contender returns the row of a script language; without functions if there is no such script.
func (s scriptLanguage) contender(root string, all []*prebuilt.Manifest) (contender, error) {
	c := contender{language: s.language, tool: s.engine}
	var err error
	if c.upper, err = scriptFile(root, s.upper, conformanceUpper); err != nil {
		return c, err
	}
	if c.order, err = scriptFile(root, s.order, exampleOrder); err == nil && !c.order.there() {
		c.order = example(root, all, s.language)
	}
	return c, err
}

// scriptFile is a function of a script; none if there is no such script, or no engine for it.
func scriptFile(root, name, function string) (plugin, error) {
	at := filepath.Join(root, filepath.FromSlash(name))
	if !script.IsScript(at) {
		return plugin{}, nil
	}
	if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
		return plugin{}, nil
	} else if err != nil {
		return plugin{}, fmt.Errorf("looking for a guest: %w", err)
	}
	return plugin{function, func(context.Context) ([]byte, error) { return script.Build(at) }}, nil
}

// file is a function of a committed module.
func file(root, name, function string) plugin {
	return plugin{function, func(context.Context) ([]byte, error) {
		return os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	}}
}

// goGuest is a function of a guest in Go, which is built as scaffolded plugins are.
func goGuest(root, name, function string) plugin {
	return plugin{function, func(ctx context.Context) (_ []byte, err error) {
		dir, err := os.MkdirTemp("", "bench-languages-")
		if err != nil {
			return nil, fmt.Errorf("making a folder to build in: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		out := filepath.Join(dir, name+".wasm")
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildmode=c-shared",
			"-ldflags=-s -w", "-o", out, "./"+path.Join("guests", name))
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", name, err, text)
		}
		return os.ReadFile(out)
	}}
}

// byCost sorts the rows: those without SDK first, then by what the upper case costs.
func byCost(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(rank(a.language), rank(b.language)),
			cmp.Compare(a.costs[upperWork].ratio, b.costs[upperWork].ratio))
	})
}

func rank(language string) int {
	switch language {
	case scalarC:
		return 0
	case simdC:
		return 1
	}
	return 2
}
