package hostile_test

import (
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/guests/hostile"
)

var update = flag.Bool("update", false, "write the modules that are built byte by byte anew")

const folder = "modules"

// The compiler that made the committed modules of src. Another one may make different modules that
// do the same.
const (
	compiler        = "clang-19"
	compilerVersion = "19.1.7"
)

// compiled are the modules the Makefile makes.
var compiled = []string{"describe-outputs.wasm", "escape.wasm", "records.wasm"}

// built are all other modules, by the name of their file.
func built() map[string][]byte {
	all := map[string][]byte{"lies.wasm": liesModule()}
	for _, part := range []map[string][]byte{
		builtBinaries(), builtStrangers(), builtDescriptions(), builtOpenings(), builtProcesses(),
	} {
		for name, module := range part {
			all[name+".wasm"] = module
		}
	}
	return all
}

func TestModulesAreTheOnesBuilt(t *testing.T) {
	for name, module := range built() {
		path := filepath.Join(folder, name)
		if *update {
			require.NoError(t, os.WriteFile(path, module, 0o644))
		}
		committed, err := os.ReadFile(path)
		require.NoError(t, err, "run go test ./guests/hostile -update")
		require.Equal(t, module, committed, "%s: run go test ./guests/hostile -update", name)
	}
}

// TestModulesAreBuiltFromTheSource builds those in C where the compiler is at hand.
func TestModulesAreBuiltFromTheSource(t *testing.T) {
	out, err := exec.Command(compiler, "--version").Output()
	if err != nil {
		t.Logf("%s cannot be run (%v): the modules in C were not compared with their source",
			compiler, err)
		return
	}
	if !strings.Contains(string(out), "version "+compilerVersion) {
		t.Logf("%s is not of version %s: the modules in C were not compared with their source",
			compiler, compilerVersion)
		return
	}
	dir := t.TempDir()
	out, err = exec.Command("make", "--silent", "--always-make", "OUT="+dir).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range compiled {
		want, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err)
		require.Equal(t, want, got, "%s: run make in guests/hostile", name)
	}
}

// TestTableIsComplete holds H1: each file is in the table, each file of the table is there and made
// by something that is committed.
func TestTableIsComplete(t *testing.T) {
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
	}
	require.Equal(t, files, slices.Sorted(slices.Values(
		append(slices.Collect(maps.Keys(built())), compiled...))), "every file is made by something")

	seen := map[string]bool{}
	named := map[string]bool{}
	for _, f := range hostile.Fixtures() {
		require.False(t, seen[f.Name], "a second fixture %q", f.Name)
		seen[f.Name], named[f.File] = true, true
		require.NotEmpty(t, f.Does, f.Name)
		require.NotEmpty(t, f.Module(), f.Name)
		told := f.Fate != hostile.CostsNothing
		require.Equal(t, told, f.Text != "", "%s: a text for those whom it costs something", f.Name)
	}
	require.Equal(t, files, slices.Sorted(maps.Keys(named)), "the table tells of every file")
}
