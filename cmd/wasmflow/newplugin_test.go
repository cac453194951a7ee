package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// scaffold is a plugin made by the command and built without a network.
type scaffold struct {
	dir, wasm string
}

// scaffoldOnce shares the plugin among tests: making and building it takes seconds.
var scaffoldOnce struct {
	sync.Once
	made scaffold
}

// scaffolded returns the plugin "prices".
func scaffolded(t *testing.T) scaffold {
	t.Helper()
	scaffoldOnce.Do(func() {
		dir := filepath.Join(shared.path(t), "prices")
		got := do(t, "new", "plugin", "prices", "--lang", "go", "--dir", dir)
		require.Zero(t, got.code, got.stderr)
		require.NoError(t, toolIn(dir, "make", "build").Run())
		wasm := filepath.Join(dir, "prices.wasm")
		warm(t, wasm)
		scaffoldOnce.made = scaffold{dir, wasm}
	})
	require.NotEmpty(t, scaffoldOnce.made.dir, "the scaffold was not made")
	return scaffoldOnce.made
}

// warm fills the cache of compiled modules by a binary without the race detector, which makes
// compiling a module some twenty times slower.
func warm(t *testing.T, wasm string) {
	t.Helper()
	binary := filepath.Join(shared.path(t), "wasmflow")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	load := exec.Command(binary, "inspect", wasm)
	load.Env = append(os.Environ(), "XDG_CACHE_HOME="+cacheHome(t))
	out, err = load.CombinedOutput()
	require.NoError(t, err, string(out))
}

// toolIn is a command in the folder of a plugin, with no network and nothing from the workspace.
func toolIn(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=-mod=mod", "GOWORK=off", "GONOSUMDB=*",
		"CGO_ENABLED=0")
	return cmd
}

func TestNewPluginBuildsAndRuns(t *testing.T) {
	s := scaffolded(t)
	out, err := toolIn(s.dir, "make", "test").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "ok  \texample.com/prices")
	out, err = toolIn(s.dir, "gofmt", "-l", "main.go", "main_test.go").CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out))
	out, err = toolIn(s.dir, "go", "vet", ".").CombinedOutput()
	require.NoError(t, err, string(out))

	got := do(t, "run", filepath.Join(s.dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "6 records read = 2 written + 2 dropped + 2 dead letters")
	require.Equal(t, []string{`{"item":"tea","cents":250}`, `{"item":"coffee","cents":310}`},
		published(t, filepath.Join(s.dir, "output")))
	letters := published(t, filepath.Join(s.dir, "dead-letters"))
	require.Len(t, letters, 2)
	require.Contains(t, letters[0], "no separator in the line")

	again := do(t, "new", "plugin", "prices", "--dir", s.dir)
	require.Equal(t, 2, again.code)
	require.Contains(t, again.stderr, "is not empty; name another folder with --dir")
}

func TestNewPluginNames(t *testing.T) {
	for _, c := range []struct {
		name string
		want pluginNames // zero is refused
	}{
		{"prices", pluginNames{"prices", "prices", "pricesLine", goVersion}},
		{"access-log-2", pluginNames{"access-log-2", "access_log_2", "accessLog2Line", goVersion}},
		{"main", pluginNames{"main", "main", "mainLine", goVersion}},
		{"", pluginNames{}},
		{"Prices", pluginNames{}},
		{"2fast", pluginNames{}},
		{"a_b", pluginNames{}},
		{"a--b", pluginNames{}},
		{"a-", pluginNames{}},
		{"../x", pluginNames{}},
		{"con", pluginNames{}},
		{"lpt1", pluginNames{}},
		{"lines", pluginNames{}},
		{"dead-letter", pluginNames{}},
		{"com", pluginNames{"com", "com", "comLine", goVersion}},
		{strings.Repeat("x", 41), pluginNames{}},
	} {
		got, err := namesOf(c.name)
		require.Equal(t, c.want, got, "%q", c.name)
		require.Equal(t, c.want == pluginNames{}, err != nil, "%q: %v", c.name, err)
	}
	for _, args := range [][]string{
		{"new"}, {"new", "plugin"}, {"new", "job", "x"}, {"new", "plugin", "x", "--lang", "cobol"},
	} {
		require.Equal(t, 2, do(t, args...).code, "%q", args)
	}
}
