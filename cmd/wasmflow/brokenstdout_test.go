package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// printJob has numbers for standard output, more than any pipe holds, and restarts for ever.
const printJob = `
name = "print"
job.parallelism = 1
sources.numbers = { connector = "generator", count = 1000000 }
sinks.show = { connector = "print", from = ["numbers"] }
`

// TestRunEndsWithItsStandardOutput takes away what a print sink prints to, which no restart gives
// back.
func TestRunEndsWithItsStandardOutput(t *testing.T) {
	const at = "job.toml:5: sinks.show: writing to show: printing to stdout: "
	for _, c := range []struct {
		name   string
		open   func(t *testing.T) *os.File
		says   string
		remedy string
	}{
		{"full", fullDevice, "no space left on device", "; make room and run the job again"},
		{"closed by its reader", closedPipe, "broken pipe", "; run the job again with a reader"},
		{"open for reading only", readOnlyFile, "bad file descriptor", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, map[string]string{"job.toml": printJob})
			var stderr bytes.Buffer
			cmd := child(t, dir, c.open(t), &stderr, "run", "job.toml")
			require.Error(t, cmd.Run())
			t.Logf("exit code %d\n%s", cmd.ProcessState.ExitCode(), &stderr)
			require.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
			message := lineWith(stderr.String(), at)
			require.Contains(t, message, c.says)
			require.Contains(t, message, c.remedy)
			require.NotContains(t, stderr.String(), "restarting after a failure")
			require.Equal(t, 1, strings.Count(stderr.String(), c.says), "the failure is told once")
		})
	}
}

// fullDevice is a device that takes no byte.
func fullDevice(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err, "the system has no full device")
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// closedPipe is a pipe that nobody reads.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// readOnlyFile is a file that takes no writes.
func readOnlyFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}
