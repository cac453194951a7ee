package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

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
	shared.remove()
	os.Exit(code)
}

// sharedFolder holds what tests share because it takes seconds to make: a plugin, and compiled
// modules. It lies outside t.TempDir, because it outlives the test that asks first.
type sharedFolder struct {
	once sync.Once
	dir  string
	err  error
}

var shared sharedFolder

func (s *sharedFolder) path(t *testing.T) string {
	t.Helper()
	s.once.Do(func() { s.dir, s.err = os.MkdirTemp("", "wasmflow-test-") })
	require.NoError(t, s.err)
	return s.dir
}

func (s *sharedFolder) remove() {
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
}

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
		remindEvery: time.Minute,
	}, &stdout, &stderr
}

// cacheHome is where tests keep compiled modules.
func cacheHome(t *testing.T) string { return filepath.Join(shared.path(t), "cache") }

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
