package wasmflow_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadme builds the README's guest as a project of its own and runs the README's test in it.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var program, test string
	for _, block := range strings.Split(string(readme), "```go\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(code, "package main"):
			program = code
		case strings.HasPrefix(code, "func Test"):
			test = code
		}
	}
	require.NotEmpty(t, program)
	require.NotEmpty(t, test)
	imports := "package main\n\nimport (\n\t\"slices\"\n\t\"testing\"\n\n" +
		"\t\"github.com/wasmflow/wasmflow/sdk/go/sdktest\"\n)\n\n"

	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	dir := t.TempDir()
	for name, content := range map[string]string{
		"main.go":      program,
		"main_test.go": imports + test,
		"go.sum":       string(sums),
		"go.mod": "module example.com/shout\n\ngo 1.24\n\n" +
			"require github.com/wasmflow/wasmflow v0.0.0\n\n" +
			"replace github.com/wasmflow/wasmflow => " + root + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	for _, run := range []struct {
		env  []string
		args []string
	}{
		{nil, []string{"test", "."}},
		{[]string{"GOOS=wasip1", "GOARCH=wasm"},
			[]string{"build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", "shout.wasm", "."}},
	} {
		cmd := exec.Command("go", run.args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), append(run.env, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off",
			"CGO_ENABLED=0")...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "go %v: %s", run.args, out)
	}
}
