package prebuilt

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// repository is the root of the checkout.
func repository() fs.FS { return os.DirFS("../..") }

// TestModulesAreOfTheirSources holds B1 and B2.
func TestModulesAreOfTheirSources(t *testing.T) {
	root := repository()
	all, err := All(root)
	require.NoError(t, err)
	known := map[string]bool{}
	for _, m := range all {
		t.Run(m.Name, func(t *testing.T) {
			known[m.Name] = true
			wasm, err := m.SumWasm(root)
			require.NoError(t, err)
			require.Equal(t, m.WasmSHA256, wasm, "another module; make guests-rebuild")
			sources, err := m.SumSources(root)
			require.NoError(t, err)
			require.Equal(t, m.SourceSHA256, sources, "the sources have changed; make guests-rebuild")
			data, err := fs.ReadFile(root, m.File())
			require.NoError(t, err)
			encoded, err := m.Encode()
			require.NoError(t, err)
			require.Equal(t, string(encoded), string(data))
		})
	}
	modules, err := fs.Glob(root, path.Join(Folder, "*.wasm*"))
	require.NoError(t, err)
	for _, file := range modules {
		name, _, _ := strings.Cut(path.Base(file), ".")
		require.True(t, known[name], "%s has no manifest", file)
	}
	python, err := Read(root, "rustpython")
	require.NoError(t, err)
	require.Equal(t, python.WasmSHA256, hexSum(RustPython()), "what is embedded can be read")
}

// TestLicencesOfModulesAreNamed: what is linked into a committed module is in NOTICE, by the file of
// an engine, which is shipped, or by the language.
func TestLicencesOfModulesAreNamed(t *testing.T) {
	notice, err := fs.ReadFile(repository(), "NOTICE")
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(notice)), " ")
	all, err := All(repository())
	require.NoError(t, err)
	for _, m := range all {
		if m.Kind == KindEngine {
			require.Contains(t, strings.ReplaceAll(text, "/ ", "/"), "("+m.Wasm()+")")
			continue
		}
		_, terms, found := strings.Cut(string(notice), "\n  "+m.Language+": ")
		require.True(t, found, "%s is of %s", m.Name, m.Language)
		terms, _, _ = strings.Cut(terms, ".\n")
		require.True(t, terms == "nothing" || strings.Contains(terms, "License"), "%s: %s", m.Name, terms)
	}
}

// onDisk is a repository with one module.
func onDisk(manifest string) fstest.MapFS {
	return fstest.MapFS{
		"guests/prebuilt/x.json": {Data: []byte(manifest)},
		"guests/prebuilt/x.wasm": {Data: []byte("wasm")},
		"guests/x/a.c":           {Data: []byte("a")},
		"guests/x/b.c":           {Data: []byte("b")},
		"guests/x/notes.txt":     {Data: []byte("not a source")},
	}
}

const fine = `{"language":"C","kind":"example","toolchain":"cc 1","build":"make",
	"sources":["guests/x/*.c","guests/x/a.c"]}`

func TestSums(t *testing.T) {
	root := onDisk(fine)
	m, err := Read(root, "x")
	require.NoError(t, err)
	sum, err := m.SumSources(root)
	require.NoError(t, err)
	require.Equal(t, hexSum([]byte(hexSum([]byte("a"))+"  guests/x/a.c\n"+
		hexSum([]byte("b"))+"  guests/x/b.c\n")), sum)

	root["guests/x/notes.txt"].Data = nil
	again, err := m.SumSources(root)
	require.NoError(t, err)
	require.Equal(t, sum, again, "what is no source does not count")
	root["guests/x/b.c"].Data = []byte("c")
	again, err = m.SumSources(root)
	require.NoError(t, err)
	require.NotEqual(t, sum, again)

	delete(root, "guests/x/a.c")
	_, err = m.SumSources(root)
	require.ErrorContains(t, err, "no source is at guests/x/a.c")
	delete(root, "guests/prebuilt/x.wasm")
	_, err = m.SumWasm(root)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestBadManifests(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"no JSON":       {"{", "decoding guests/prebuilt/x.json"},
		"unknown field": {`{"language":"C","sum":"1"}`, `unknown field "sum"`},
		"no kind":       {strings.Replace(fine, "example", "", 1), `kind ""`},
		"no sources":    {strings.Replace(fine, "sources", "not_offered", 1), "are required"},
		"unknown compression": {strings.Replace(fine, `"sources"`, `"compression":"lz4","sources"`, 1),
			`compression "lz4": there is zstd`},
		"not of the kit": {strings.Replace(fine, `"sources"`, `"not_offered":["x"],"sources"`, 1),
			"not_offered is for modules of the kit"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := All(onDisk(c.manifest))
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := Read(fstest.MapFS{}, "x")
	require.ErrorIs(t, err, fs.ErrNotExist)
}
