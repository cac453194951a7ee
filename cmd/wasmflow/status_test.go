package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/admin"
)

func TestStatusOfARunningJob(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")

	var s jobStatus
	got := do(t, "status", "--json", file)
	require.Zero(t, got.code, got.stderr)
	require.NoError(t, json.Unmarshal([]byte(got.stdout), &s))
	require.True(t, s.Running)
	require.Nil(t, s.Store)
	require.Equal(t, admin.StateRunning, s.Live.State)
	require.Equal(t, os.Getpid(), s.Live.PID)
	require.Equal(t, "generator", s.Live.Sources[0].Kind)
	require.GreaterOrEqual(t, s.Live.Sources[0].RecordsIn, uint64(10))
	require.Len(t, s.Live.Sinks, 2)

	byName := do(t, "status", "endless", "--store", filepath.Join(dir, ".wasmflow/store"))
	require.Zero(t, byName.code, byName.stderr)
	require.Contains(t, byName.stdout, "endless is running\n")
	require.Contains(t, byName.stdout, "source numbers")

	job.signals <- syscall.SIGTERM
	require.Zero(t, <-job.code)
	_, err := os.Stat(filepath.Join(dir, ".wasmflow/store/endless/run.admin"))
	require.ErrorIs(t, err, os.ErrNotExist, "the address goes with the server")
}

func TestStatusOfAJobThatDoesNotRun(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": "a\n"})
	file := filepath.Join(dir, "job.toml")
	never := do(t, "status", file)
	require.Equal(t, 3, never.code)
	require.Contains(t, never.stderr, `job "copy" never ran in `)

	require.Zero(t, do(t, "run", file).code)
	// A killed process leaves the address of its server behind.
	left := `{"version":1,"address":"127.0.0.1:1","token":"t","host":"` + hostname(t) + `","pid":1}`
	leave(t, dir, left)
	got := do(t, "status", file)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, "copy does not run\n")
	require.Contains(t, got.stdout, "all its input is read")

	var s jobStatus
	require.NoError(t, json.Unmarshal([]byte(do(t, "status", "--json", file).stdout), &s))
	require.False(t, s.Running)
	require.True(t, s.Store.Finished)
	require.EqualValues(t, 1, s.Store.Counts["lines"].In)

	leave(t, dir, strings.Replace(left, hostname(t), "elsewhere", 1))
	far := do(t, "status", file)
	require.Equal(t, 3, far.code)
	require.Contains(t, far.stderr, "on elsewhere: ")
	require.Contains(t, far.stderr, "run this command there")

	leave(t, dir, "not json")
	torn := do(t, "status", file)
	require.Equal(t, 3, torn.code)
	require.Contains(t, torn.stderr, "run.admin: decoding the run file")
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	require.NoError(t, err)
	return name
}

// leave writes the file that names the admin server of the job "copy" in dir.
func leave(t *testing.T, dir, text string) {
	t.Helper()
	path := filepath.Join(dir, ".wasmflow/store/copy/run.admin")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestStop(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")
	got := do(t, "stop", file)
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "endless has ended\n", got.stdout)
	require.Zero(t, <-job.code, job.stderr)
	require.Contains(t, job.stderr.String(), "endless stopped")

	again := do(t, "stop", file)
	require.Equal(t, 3, again.code)
	require.Contains(t, again.stderr, "wasmflow: stopping endless: the job does not run as far as")
}

func TestStopNow(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")
	got := do(t, "stop", "--now", "--timeout", "0s", file)
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "endless was asked to stop\n", got.stdout)
	require.Equal(t, 130, <-job.code)
	require.Contains(t, job.stderr.String(), "stopped at once by a request")

	// What was not published comes again, and what was does not.
	job = start(t, "run", file)
	job.stdout.await("1000\n")
	job.signals <- syscall.SIGTERM
	require.Zero(t, <-job.code, job.stderr)
	out := published(t, filepath.Join(dir, "output"))
	require.ElementsMatch(t, numbered(len(out)), out)
}

func TestAJobThatRunsAndDoesNotAnswer(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob + "admin.address = \"off\"\n"})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")
	want := fmt.Sprintf("endless runs as pid %d on %s but does not answer (or has no admin server); "+
		"signal it, or use run --takeover\n", os.Getpid(), hostname(t))
	for _, command := range []string{"status", "stop"} {
		got := do(t, command, file)
		require.Equal(t, 3, got.code, command)
		require.Contains(t, got.stderr, want)
	}
	job.signals <- syscall.SIGTERM
	require.Zero(t, <-job.code)
	require.Contains(t, do(t, "status", file).stdout, "endless does not run\n")
}

func TestAdminServer(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	job := start(t, "run", file)
	job.stdout.await("10\n")
	data, err := os.ReadFile(filepath.Join(dir, ".wasmflow/store/endless/run.admin"))
	require.NoError(t, err)
	run, err := admin.ParseRunFile(data)
	require.NoError(t, err)
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "running",
		"/metrics": `wasmflow_stage_records_in_total{stage="out"}`,
		"/status":  `"job": "endless"`,
	} {
		resp, err := http.Get("http://" + run.Address + path)
		require.NoError(t, err)
		var body strings.Builder
		require.NoError(t, resp.Write(&body))
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.Contains(t, body.String(), want, path)
	}
	job.signals <- syscall.SIGTERM
	require.Zero(t, <-job.code)

	for _, c := range []struct{ address, want string }{
		{"0.0.0.0:0", "job.toml:4: admin.token: required"},
		{"127.0.0.1:99999", "job.toml:4: admin.address: "},
	} {
		bad := folder(t, map[string]string{
			"job.toml": strings.Replace(endlessJob, "checkpoint.", "admin.address = \""+c.address+
				"\"\ncheckpoint.", 1),
		})
		got := do(t, "run", filepath.Join(bad, "job.toml"))
		require.NotZero(t, got.code)
		require.Contains(t, got.stderr, c.want)
	}
}
