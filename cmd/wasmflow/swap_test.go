package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/operator"
)

// swapJob runs the C guest, of which the repository has two builds that answer alike.
const swapJob = `
name = "swaps"
job.parallelism = 2
checkpoint.interval = "20ms"
plugins.upper = { path = "upper.wasm", watch = true, swap = { sample = 50, probation = 1 } }
sources.numbers = { connector = "generator", rate = 2000, template = "line {seq}" }
transforms.shout = { from = ["numbers"], plugin = "upper", function = "uppercase" }
sinks.show = { connector = "print", from = ["shout"] }
`

// guestC returns a build of the C guest.
func guestC(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "guests", "uppercase-c", name))
	require.NoError(t, err)
	return data
}

func TestSwapFromTheCommandLine(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": swapJob, "garbage.wasm": "garbage",
		"upper.wasm":  string(guestC(t, "uppercase_c.wasm")),
		"scalar.wasm": string(guestC(t, "uppercase_c_scalar.wasm")),
	})
	file := filepath.Join(dir, "job.toml")
	r := do(t, "plugins", file)
	require.Equal(t, exitOutside, r.code)
	require.Contains(t, r.stderr, "does not run")

	s := start(t, "run", file)
	s.stdout.await("LINE 1")

	r = do(t, "swap", file, "upper", filepath.Join(dir, "scalar.wasm"), "--expect-same")
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, "0 differ")
	require.Regexp(t, `upper: [0-9a-f]{12} -> [0-9a-f]{12}: (probation|done), from epoch \d+ on`,
		r.stdout)

	// The swap before is in its probation for all to see a moment before another may begin.
	require.Eventually(t, func() bool {
		r = do(t, "swap", file, "upper", filepath.Join(dir, "garbage.wasm"))
		return !strings.Contains(r.stderr, host.ErrSwapBusy.Error())
	}, time.Minute, time.Millisecond)
	require.Equal(t, exitFailed, r.code, r.stderr)
	require.Contains(t, r.stderr, "upper stays at ")

	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown plugin", []string{"lower", "x.wasm"}, exitOutside, "the job has no such plugin"},
		{"nothing new", []string{"upper"}, exitOutside, "name a module or a configuration"},
		{"no plugin", nil, exitRefused, "name a job, one of its plugins and the new module"},
		{"no JSON", []string{"upper", "--config", "{"}, exitRefused, "--config: not JSON"},
		{"no file", []string{"upper", "--config", "@" + dir}, exitRefused, "is a directory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := do(t, append([]string{"swap", file}, tt.args...)...)
			require.Equal(t, tt.code, r.code)
			require.Contains(t, r.stderr, tt.want)
		})
	}

	r = do(t, "plugins", file)
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, "swap 1 by command")
	require.Contains(t, r.stdout, "reason: ")

	s.signals <- os.Interrupt
	require.Zero(t, <-s.code, s.stderr)
}

// TestSwapOfAJobThatEnds: a job may be through before it has tried the new version.
func TestSwapOfAJobThatEnds(t *testing.T) {
	listener := httptest.NewServer(http.NotFoundHandler())
	address := listener.Listener.Addr().String()
	listener.Close()
	_, _, err := (&swapOptions{}).order("swapping").settled(t.Context(), target{},
		admin.NewClient(address, connectors.Secret{}, nil))
	require.ErrorContains(t, err, "the job ended before it was over; the next run begins with")
}

func TestPluginsShowsASpentCrashBudget(t *testing.T) {
	since := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	list := PluginList{Plugins: []host.PluginStatus{
		{Plugin: "fine", CrashBudget: operator.CrashStatus{Traps: 3, Used: 2, LastTrap: "f: trapped"}},
		{Plugin: "upper", CrashBudget: operator.CrashStatus{
			Traps: 3, Within: "1m0s", Policy: operator.CrashPass, Used: 3, Spent: true, Since: &since,
			Bypassed: 70, LastTrap: "uppercase: trapped: unreachable",
		}},
	}}
	var out strings.Builder
	require.NoError(t, printPlugins(&out, list))
	require.Contains(t, out.String(), "\nupper has spent its crash budget of 3 traps within 1m0s: pass "+
		"since 2030-01-01 12:00:00, 70 records without it\n"+
		"last trap: uppercase: trapped: unreachable\n")
	require.NotContains(t, out.String(), "fine has spent")
}

func TestSwapWhenTheFileOfAWatchedPluginIsReplaced(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": swapJob, "upper.wasm": string(guestC(t, "uppercase_c.wasm")),
		"new.wasm": string(guestC(t, "uppercase_c_scalar.wasm")),
	})
	s := start(t, "run", filepath.Join(dir, "job.toml"))
	s.stdout.await("LINE 1")
	require.NoError(t, os.Rename(filepath.Join(dir, "new.wasm"), filepath.Join(dir, "upper.wasm")))
	require.Eventually(t, func() bool {
		r := do(t, "plugins", "--json", filepath.Join(dir, "job.toml"))
		return r.code == 0 && strings.Contains(r.stdout, `"trigger": "file"`) &&
			strings.Contains(r.stdout, `"state": "done"`)
	}, time.Minute, 50*time.Millisecond)
	s.signals <- os.Interrupt
	require.Zero(t, <-s.code, s.stderr)
}
