package script

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const pythonExtension = ".py"

// pythonFilesMax bounds what travels with a script: a program, and not a folder of programs.
const pythonFilesMax = 1_000

// File is a module that travels with a script in Python.
type File struct {
	Path string // below the script's folder, with slashes: "shop/prices.py"
	Text []byte
}

// bundlePython reads the script at file and the modules and packages beside it that it imports,
// and that those import. A package comes as a whole.
func bundlePython(file string) (*Script, error) {
	dir, name := filepath.Split(filepath.Clean(file))
	b := pythonBundle{dir: dir, seen: map[string]bool{name: true}}
	text, err := b.read(name)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(b.files); i++ { // it grows meanwhile
		if err := b.follow(b.files[i].Text); err != nil {
			return nil, err
		}
	}
	beside := b.files[1:]
	slices.SortFunc(beside, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return &Script{Name: name, Text: text, Beside: beside}, nil
}

type pythonBundle struct {
	dir   string
	seen  map[string]bool
	files []File
}

// read adds the file at p and returns its text.
func (b *pythonBundle) read(p string) ([]byte, error) {
	text, err := readSource(b.at(p))
	switch {
	case err != nil:
		return nil, &Error{[]string{"reading the script: " + err.Error()}}
	case !utf8.Valid(text):
		return nil, &Error{[]string{p + ": is no UTF-8, which Python wants of its files"}}
	case len(b.files) >= pythonFilesMax:
		return nil, &Error{[]string{fmt.Sprintf("%s: the script imports more than %d files", p,
			pythonFilesMax)}}
	}
	b.files = append(b.files, File{Path: p, Text: text})
	return text, nil
}

// pythonImports finds the statements that import. What only looks like one, in a text of several
// lines, adds a module at most that lies beside the script.
var pythonImports = regexp.MustCompile(
	`(?m)^[ \t]*(?:import[ \t]+([^#;\n]+)|from[ \t]+(\w+)[\w. \t]*[ \t]import\b)`)

// follow adds what a text imports.
func (b *pythonBundle) follow(text []byte) error {
	for _, found := range pythonImports.FindAllSubmatch(text, -1) {
		names := string(found[2])
		if names == "" {
			names = string(found[1])
		}
		for name := range strings.SplitSeq(names, ",") {
			name, _, _ = strings.Cut(strings.TrimSpace(name), " ") // import a as b
			name, _, _ = strings.Cut(name, ".")
			if err := b.add(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds the module or package of that name, if there is one beside the script.
func (b *pythonBundle) add(name string) error {
	if name == "" || name == sdkModule || b.seen[name] {
		return nil // the engine has the SDK
	}
	b.seen[name] = true
	if b.isFile(path.Join(name, "__init__"+pythonExtension)) {
		return fs.WalkDir(os.DirFS(b.at(".")), name, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(p) != pythonExtension {
				return err
			}
			_, err = b.read(p)
			return err
		})
	}
	if module := name + pythonExtension; b.isFile(module) && !b.seen[module] {
		_, err := b.read(module)
		return err
	}
	return nil
}

// at is where the file at p, which has slashes, lies.
func (b *pythonBundle) at(p string) string { return filepath.Join(b.dir, filepath.FromSlash(p)) }

func (b *pythonBundle) isFile(p string) bool {
	if !fs.ValidPath(p) {
		return false
	}
	info, err := os.Stat(b.at(p))
	return err == nil && info.Mode().IsRegular()
}
