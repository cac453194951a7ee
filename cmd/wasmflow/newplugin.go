package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/wasmflow/wasmflow/sdk"
)

//go:embed scaffold
var scaffolds embed.FS

// pluginNameMax keeps the name usable as a function, a folder and a key of a job file.
const pluginNameMax = 40

// goVersion is what a guest's go.mod asks for: the oldest Go whose wasip1 port has reactors with
// exported functions.
const goVersion = "1.24"

// modulePath is the path under which a plugin imports the SDK.
const modulePath = "github.com/wasmflow/wasmflow"

// language is a row of the table of languages that new can begin a plugin in.
type language struct {
	name  string
	files map[string]string // template -> path in the new folder, beside those of anyFiles
	sdk   func() ([]sdk.File, error)
	// root is where the SDK's files go, and rootFiles what it needs beside them.
	root      string
	rootFiles map[string]string // path -> content
}

func languages() []language {
	return []language{{
		name: "go",
		files: map[string]string{
			"main.go.tmpl": "main.go", "main_test.go.tmpl": "main_test.go", "go.mod.tmpl": "go.mod",
		},
		sdk:  sdk.Go,
		root: "wasmflow/sdk",
		rootFiles: map[string]string{
			"wasmflow/go.mod": "module " + modulePath + "\n\ngo " + goVersion + "\n",
		},
	}, {
		name:  "rust",
		files: map[string]string{"Cargo.toml.tmpl": "Cargo.toml", "lib.rs.tmpl": "src/lib.rs"},
		sdk:   sdk.Rust,
		root:  "wasmflow",
	}, {
		name: "assemblyscript",
		files: map[string]string{
			"package.json.tmpl": "package.json", "plugin.ts.tmpl": "plugin.ts",
			"plugin.test.mjs.tmpl": "plugin.test.mjs",
		},
		sdk:  sdk.AssemblyScript,
		root: "wasmflow",
	}, {
		name: "c",
		files: map[string]string{
			"plugin.c.tmpl": "plugin.c", "plugin_test.c.tmpl": "plugin_test.c",
		},
		sdk:  sdk.C,
		root: "wasmflow",
	}, {
		name: "cpp",
		files: map[string]string{
			"plugin.cpp.tmpl": "plugin.cpp", "plugin_test.cpp.tmpl": "plugin_test.cpp",
		},
		sdk:  sdk.Cpp,
		root: "wasmflow",
	}, {
		name:  "zig",
		files: map[string]string{"plugin.zig.tmpl": "plugin.zig", "line.zig.tmpl": "line.zig"},
		sdk:   sdk.Zig,
		root:  "wasmflow",
	}, {
		name: "javascript",
		files: map[string]string{
			"package.json.tmpl": "package.json", "jsconfig.json.tmpl": "jsconfig.json",
			"plugin.js.tmpl": "plugin.js", "plugin.test.js.tmpl": "plugin.test.js",
		},
		sdk:  sdk.JavaScript,
		root: "wasmflow",
	}, {
		name: "typescript",
		files: map[string]string{
			"package.json.tmpl": "package.json", "tsconfig.json.tmpl": "tsconfig.json",
			"plugin.ts.tmpl": "plugin.ts", "plugin.test.ts.tmpl": "plugin.test.ts",
		},
		sdk:  sdk.JavaScript,
		root: "wasmflow",
	}, {
		name: "python",
		files: map[string]string{
			"plugin.py.tmpl": "plugin.py", "test_plugin.py.tmpl": "test_plugin.py",
			"pyrightconfig.json.tmpl": "pyrightconfig.json",
		},
		sdk:  sdk.Python,
		root: "wasmflow",
	}}
}

// anyFiles are the templates that every language has, and those that all have in common.
func anyFiles() map[string]string {
	return map[string]string{
		"Makefile.tmpl": "Makefile", "README.md.tmpl": "README.md", "gitignore.tmpl": ".gitignore",
		"../any/job.toml.tmpl": "job.toml", "../any/prices.csv.tmpl": "input/prices.csv",
	}
}

// languageNames lists the languages for messages.
func languageNames() string {
	var names []string
	for _, l := range languages() {
		names = append(names, l.name)
	}
	return strings.Join(names, ", ")
}

func newCommand() command {
	return command{
		name: "new", usage: "plugin NAME",
		summary: "begin a plugin: a function, its test, and a job that runs it",
		help: `
  wasmflow new plugin prices --lang go
  cd prices
  make test    the function runs as the language's own tests do
  make run     builds prices.wasm and runs job.toml

The folder holds all it needs, the SDK's source too: it builds without a network.
`,
		setup: func(flags *flag.FlagSet) action {
			lang := flags.String("lang", "go", "`LANGUAGE`: "+languageNames())
			dir := flags.String("dir", "", "`FOLDER` to make; by default the plugin's name")
			return func(_ context.Context, p *process, args []string) error {
				if len(args) != 2 || args[0] != "plugin" {
					return usagef("new", "want plugin NAME, not %q", args)
				}
				return newPlugin(p, args[1], *lang, *dir)
			}
		},
	}
}

// pluginNames are the forms of a name that templates use.
type pluginNames struct {
	Name   string // "access-log"
	Func   string // "access_log"
	GoFunc string // "accessLog"
	Go     string // version of the language
}

// reserved reports whether name is that of a device on Windows, where no file may have it.
func reserved(name string) bool {
	switch name {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(name) == len("com1") && (name[:3] == "com" || name[:3] == "lpt") &&
		name[3] >= '0' && name[3] <= '9'
}

// stagesOfScaffold are names that the job of the scaffold has for its source and sinks.
func stagesOfScaffold() []string { return []string{"lines", "out", "dead-letter"} }

func namesOf(name string) (pluginNames, error) {
	bad := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}
	switch {
	case name == "" || name[0] < 'a' || name[0] > 'z' || strings.ContainsFunc(name, bad),
		strings.HasSuffix(name, "-") || strings.Contains(name, "--"):
		return pluginNames{}, usagef("new", "%q is no name for a plugin; write words of lower-case "+
			"letters and digits with dashes between them, such as access-log", name)
	case reserved(name):
		return pluginNames{}, usagef("new", "%q is reserved by Windows, and Go refuses it as a module; "+
			"choose another name, such as my-%s", name, name)
	case slices.Contains(stagesOfScaffold(), name):
		return pluginNames{}, usagef("new", "%q is the name of another part of the job; choose another "+
			"name, such as my-%s", name, name)
	case len(name) > pluginNameMax:
		return pluginNames{}, usagef("new", "the name is longer than %d letters", pluginNameMax)
	}
	words := strings.Split(name, "-")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return pluginNames{
		Name: name, Func: strings.ReplaceAll(name, "-", "_"),
		// A function called main or init, or like a package in use, would not compile.
		GoFunc: strings.Join(words, "") + "Line", Go: goVersion,
	}, nil
}

func newPlugin(p *process, name, lang, dir string) error {
	names, err := namesOf(name)
	if err != nil {
		return err
	}
	var l *language
	for _, x := range languages() {
		if x.name == lang {
			l = &x
		}
	}
	if l == nil {
		return usagef("new", "--lang %q: there are %s", lang, languageNames())
	}
	if dir == "" {
		dir = name
	}
	files, err := l.render(names)
	if err != nil {
		return err
	}
	if err := writeNew(dir, files); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, `%s is there:

  cd %s
  make test    run the function's tests
  make run     build %s.wasm and run job.toml
`, dir, dir, name)
	return nil
}

// render returns the files of a new plugin by path.
func (l *language) render(names pluginNames) (map[string][]byte, error) {
	files := map[string][]byte{}
	templates := anyFiles()
	maps.Copy(templates, l.files)
	for from, to := range templates {
		text, err := scaffolds.ReadFile(path.Join("scaffold", l.name, from))
		if err != nil {
			return nil, fmt.Errorf("reading the scaffold: %w", err)
		}
		t, err := template.New(from).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("reading the scaffold: %w", err)
		}
		var b bytes.Buffer
		if err := t.Execute(&b, names); err != nil {
			return nil, fmt.Errorf("filling in the scaffold: %w", err)
		}
		files[to] = b.Bytes()
	}
	sources, err := l.sdk()
	if err != nil {
		return nil, err
	}
	for _, f := range sources {
		files[l.root+"/"+f.Path] = f.Data
	}
	for to, text := range l.rootFiles {
		files[to] = []byte(text)
	}
	return files, nil
}

// writeNew writes files into dir, which must not be there or be empty: nobody's work is replaced.
func writeNew(dir string, files map[string][]byte) error {
	switch entries, err := os.ReadDir(dir); {
	case err == nil && len(entries) > 0:
		return usagef("new", "%s is not empty; name another folder with --dir", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return &startError{fmt.Errorf("looking at the new folder: %w", err)}
	}
	for name, data := range files {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return &startError{fmt.Errorf("making a folder: %w", err)}
		}
		if err := os.WriteFile(to, data, 0o666); err != nil {
			return &startError{fmt.Errorf("writing the plugin: %w", err)}
		}
	}
	return nil
}
