package examples

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// built is the folder that holds the binary and the guests, as "make build guests" leaves them.
var built string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "wasmflow-examples-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	built = filepath.Join(dir, "build")
	// The binary is what users run: without the race detector that the test may have.
	cmd := exec.Command("make", "-s", "build", "guests", "BUILD="+built)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("building: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// watchSources looks at every source file of the repository. What is built from them is run by
// these tests but not linked into them, so "go test" would not know that a cached result is stale;
// it does know the files that a test looked at.
func watchSources() error {
	return filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && (strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".wasm")) {
			_, err = os.Stat(path)
		}
		if err == nil && d.IsDir() && (d.Name() == "build" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		return err
	})
}

// repository is a copy of what a user has: the examples, the binary and the guests.
type repository struct {
	t    *testing.T
	root string
}

// clone copies the examples into a new folder and links the build and the modules beside them.
func clone(t *testing.T) repository {
	t.Helper()
	require.NoError(t, watchSources())
	r := repository{t, t.TempDir()}
	require.NoError(t, os.CopyFS(filepath.Join(r.root, "examples"), os.DirFS(".")))
	require.NoError(t, os.MkdirAll(r.path("build"), 0o755))
	for _, name := range []string{"wasmflow", "guests"} {
		require.NoError(t, os.Symlink(filepath.Join(built, name), r.path("build", name)))
	}
	modules, err := filepath.Abs("../guests/prebuilt")
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(r.path("guests"), 0o755))
	require.NoError(t, os.Symlink(modules, r.path("guests", "prebuilt")))
	return r
}

func (r repository) path(elements ...string) string {
	return filepath.Join(append([]string{r.root}, elements...)...)
}

// command is a program in the root of the repository, with the binary on its path.
func (r repository) command(name string, args ...string) *exec.Cmd {
	if name == "wasmflow" {
		name = filepath.Join(built, name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), "PATH="+built+":"+os.Getenv("PATH"),
		"XDG_CACHE_HOME="+filepath.Join(filepath.Dir(built), "cache"))
	return cmd
}

// run runs a program to its end and returns what it wrote.
func (r repository) run(name string, args ...string) (stdout, stderr string) {
	r.t.Helper()
	cmd := r.command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(r.t, cmd.Run(), "%s\n%s", &out, &errs)
	return out.String(), errs.String()
}

// lines returns the lines of all files below a folder of the repository, sorted, without what lies
// in the engine's own folders.
func (r repository) lines(elements ...string) []string {
	r.t.Helper()
	var lines []string
	root := r.path(elements...)
	require.NoError(r.t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		lines = append(lines, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
		return err
	}))
	slices.Sort(lines)
	return lines
}
