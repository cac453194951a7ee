package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// beCommand makes the test binary behave as the command: tests start it as a child process where
// a process of its own matters (signals, users, locks).
const beCommand = "WASMFLOW_TEST_BE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(beCommand) != "" {
		main()
	}
	code := m.Run()
	guests.clean()
	os.Exit(code)
}

// guestBuilds builds each guest once for all tests.
type guestBuilds struct {
	mu   sync.Mutex
	dir  string
	made map[string]error
}

var guests = &guestBuilds{made: map[string]error{}}

// prepare makes the folder for what is shared: outside t.TempDir, because it outlives the test that
// asks first.
func (g *guestBuilds) prepare(t *testing.T) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dir == "" {
		var err error
		g.dir, err = os.MkdirTemp("", "wasmflow-guests-")
		require.NoError(t, err)
	}
}

// build compiles the package at dir, from the root of the repository, and returns the module's
// path.
func (g *guestBuilds) build(t *testing.T, dir string) string {
	t.Helper()
	g.prepare(t)
	g.mu.Lock()
	defer g.mu.Unlock()
	out := filepath.Join(g.dir, filepath.Base(dir)+".wasm")
	err, known := g.made[dir]
	if !known {
		cmd := exec.Command("go", "build", "-trimpath", "-buildmode=c-shared", "-ldflags=-s -w",
			"-o", out, "./"+dir)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
		var text []byte
		if text, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("building %s: %w\n%s", dir, err, text)
		}
		g.made[dir] = err
	}
	require.NoError(t, err)
	return out
}

func (g *guestBuilds) clean() {
	if g.dir != "" {
		_ = os.RemoveAll(g.dir)
	}
}

// guestPath returns the module of an example guest.
func guestPath(t *testing.T, name string) string { return guests.build(t, "guests/"+name) }

// result is what a command left.
type result struct {
	code           int
	stdout, stderr string
}

// testProcess returns a process whose outside belongs to the test.
func testProcess(t *testing.T) (*process, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"XDG_CACHE_HOME": cacheHome(t)}
	return &process{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		lookupEnv: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		},
	}, &stdout, &stderr
}

// cacheHome is shared by all tests, so that a guest is compiled once.
func cacheHome(t *testing.T) string {
	t.Helper()
	guests.prepare(t)
	return filepath.Join(guests.dir, "cache")
}

// do runs the command in this process.
func do(t *testing.T, args ...string) result { return doWith(t, "", args...) }

// doWith is do with a standard input.
func doWith(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	p, stdout, stderr := testProcess(t)
	p.stdin = strings.NewReader(stdin)
	code := run(args, p)
	return result{code, stdout.String(), stderr.String()}
}

// folder writes files into a new folder and returns it.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// published returns the lines of all final files below dir, sorted by file, without the engine's
// own folder.
func published(t *testing.T, dir string) []string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".wasmflow":
			return filepath.SkipDir
		case d.IsDir():
			return nil
		}
		data, err := os.ReadFile(path)
		if len(data) > 0 {
			lines = append(lines, strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")...)
		}
		return err
	}))
	return lines
}

// child starts the command as a process of its own in dir. The caller waits for it.
func child(t *testing.T, dir string, stdout, stderr io.Writer, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, stdout, stderr
	cmd.Env = append(os.Environ(), beCommand+"=1", "XDG_CACHE_HOME="+cacheHome(t))
	return cmd
}
