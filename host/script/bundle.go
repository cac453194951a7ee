package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
	"github.com/wasmflow/wasmflow/host/regular"
)

// sdkModule is what every script imports and the engine has. Modules of node stay imports as well:
// a unit test is bundled like a plugin.
const sdkModule = "wasmflow"

// problemsMax bounds the mistakes of a script that are told: a screenful.
const problemsMax = 20

// Script is one ECMAScript module without imports but that of the SDK, or a module of Python.
type Script struct {
	Name string // of the file, for messages
	Text []byte
	// Beside are the modules that a script in Python imports, sorted by path.
	Beside []File
}

// Extensions lists the names of files that scripts have.
func Extensions() []string { return []string{".js", ".mjs", ".ts", ".mts", pythonExtension} }

// IsPython tells whether a file of this name is taken for a script in Python.
func IsPython(path string) bool { return filepath.Ext(path) == pythonExtension }

// IsScript tells whether a file of this name is taken for a script.
func IsScript(path string) bool { return slices.Contains(Extensions(), filepath.Ext(path)) }

// Bundle reads the script at path and puts what it imports, from files beside it and from
// node_modules, into one text. Types are taken out, not checked: that is the editor's part, or
// tsc's. Modules of Python stay apart. A script that is wrong is an *Error.
func Bundle(path string) (*Script, error) {
	if !IsScript(path) {
		return nil, &Error{[]string{fmt.Sprintf("%s: no script; its name has to end in one of %s",
			path, strings.Join(Extensions(), ", "))}}
	}
	if IsPython(path) {
		return bundlePython(path)
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", path, err)
	}
	source, err := readSource(absolute)
	if err != nil {
		return nil, &Error{[]string{"reading the script: " + err.Error()}}
	}
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{absolute}, AbsWorkingDir: filepath.Dir(absolute),
		Bundle: true, Format: api.FormatESModule, Platform: api.PlatformNeutral,
		Target: api.ES2024, Charset: api.CharsetUTF8, LegalComments: api.LegalCommentsInline,
		MainFields: []string{"module", "main"}, External: []string{sdkModule, "node:*"},
		Metafile: true, Write: false, LogLevel: api.LogLevelSilent,
		Plugins: []api.Plugin{{Name: "regular", Setup: refuseIrregular}},
	})
	if len(result.Errors) > 0 {
		return nil, bundleError(result.Errors)
	}
	s := &Script{Name: filepath.Base(path), Text: result.OutputFiles[0].Contents}
	alone, err := isAlone(result.Metafile)
	if err != nil {
		return nil, err
	}
	if ext := filepath.Ext(path); alone && (ext == ".js" || ext == ".mjs") {
		s.Text = source // S3
	}
	return s, nil
}

// readSource reads the script's own file (S4).
func readSource(path string) (_ []byte, err error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	source, err := io.ReadAll(io.LimitReader(f, wasm.SizeMax+1))
	if err == nil && len(source) > wasm.SizeMax {
		err = fmt.Errorf("%s: is larger than a plugin may be, which is %d bytes", path, wasm.SizeMax)
	}
	return source, err
}

// refuseIrregular has esbuild, which would wait on a pipe, ask for each file it is about to read.
func refuseIrregular(build api.PluginBuild) {
	build.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"},
		func(args api.OnLoadArgs) (api.OnLoadResult, error) {
			f, err := regular.Open(args.Path)
			if err != nil {
				return api.OnLoadResult{}, err
			}
			return api.OnLoadResult{}, f.Close() // nothing: it reads the file itself
		})
}

func bundleError(messages []api.Message) error {
	e := &Error{}
	for _, m := range messages[:min(len(messages), problemsMax)] {
		text := m.Text
		if at := m.Location; at != nil {
			text = fmt.Sprintf("%s:%d:%d: %s", at.File, at.Line, at.Column+1, m.Text)
		}
		e.Problems = append(e.Problems, text)
	}
	return e
}

// isAlone tells from the record of a bundle whether a single file went in.
func isAlone(metafile string) (bool, error) {
	var made struct {
		Inputs map[string]json.RawMessage `json:"inputs"`
	}
	if err := json.Unmarshal([]byte(metafile), &made); err != nil {
		return false, fmt.Errorf("reading what the script is made of: %w", err)
	}
	return len(made.Inputs) == 1, nil
}
