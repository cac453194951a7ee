package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// spinJob hands records to a guest.
const spinJob = `
name = "spin"
job.parallelism = 1
plugins.spin = { path = "spin.wasm" }
sources.in = { connector = "generator", count = 3 }
transforms.spin = { from = ["in"], plugin = "spin", function = "f0" }
sinks.out = { connector = "discard", from = ["spin"] }
`

// spinning returns the folder of a job with a guest that never returns from a frame.
func spinning(t *testing.T) string {
	t.Helper()
	g := wasmtest.Guest{Process: wasmtest.Join(wasmtest.Forever(), wasmtest.Unreachable())}
	dir := folder(t, map[string]string{"job.toml": spinJob})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "spin.wasm"), g.Module(), 0o600))
	return dir
}

func TestFirstSignalEndsADryRunWhileItsGuestSpins(t *testing.T) {
	dir := spinning(t)
	stdout, stderr := newWatcher(), newWatcher()
	cmd := child(t, dir, stdout, stderr, "dry-run", "job.toml")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it ended, unless the test failed
	stdout.await("<- 0")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode(), stderr)
	require.Equal(t, "wasmflow: interrupted by the signal: terminated\n", stderr.String())
}

// TestFirstSignalEndsWhatHasNothingToLose has plugins that cannot be read to their end: one on a
// server that does not answer, and a pipe.
func TestFirstSignalEndsWhatHasNothingToLose(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	address := "https://" + silent.Addr().String() + "/spin.wasm"
	dir := folder(t, map[string]string{
		"job.toml": strings.Replace(spinJob, "spin.wasm", address, 1),
	})
	pipe := filepath.Join(dir, "spin.wasm")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	w, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	defer w.Close() // lets the readers end
	file := filepath.Join(dir, "job.toml")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"validate", file}, 130, "wasmflow: interrupted by the signal: terminated\n"},
		{[]string{"dry-run", file}, 130, "wasmflow: interrupted by the signal: terminated\n"},
		{[]string{"inspect", address}, 130, "wasmflow: interrupted by the signal: terminated\n"},
		{[]string{"conformance", pipe}, 130, "wasmflow: interrupted by the signal: terminated\n"},
		{[]string{"run", file}, 0, "interrupted by the signal: terminated; the job had not begun\n"},
	} {
		t.Run(c.args[0], func(t *testing.T) {
			s := start(t, c.args...)
			s.signals <- syscall.SIGTERM
			require.Equal(t, c.code, <-s.code)
			require.Contains(t, s.stderr.String(), c.want)
		})
	}
	for _, c := range commands() {
		own := c.name == "run" || c.name == workerName || c.name == "dev-broker"
		require.Equal(t, own, c.ownSignals, c.name)
	}
}
