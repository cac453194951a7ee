package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// watcher is an output that a test can wait on.
type watcher struct {
	mu   sync.Mutex
	cond *sync.Cond
	buf  bytes.Buffer
}

func newWatcher() *watcher {
	w := &watcher{}
	w.cond = sync.NewCond(&w.mu)
	return w
}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.cond.Broadcast()
	return w.buf.Write(b)
}

// await blocks until text was written, or the test's time is over.
func (w *watcher) await(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !strings.Contains(w.buf.String(), text) {
		w.cond.Wait()
	}
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// started is a command that runs in a goroutine of the test.
type started struct {
	stdout, stderr *watcher
	signals        chan os.Signal
	code           chan int
}

// start runs the command until it ends or the test sends signals.
func start(t *testing.T, args ...string) *started {
	t.Helper()
	return startOn(t, nil, args...)
}

// startOn is start with another disk; nil is the real one.
func startOn(t *testing.T, disk local.Disk, args ...string) *started {
	t.Helper()
	s := &started{
		stdout: newWatcher(), stderr: newWatcher(),
		signals: make(chan os.Signal, signalsMax), code: make(chan int, 1),
	}
	p, _, _ := testProcess(t)
	p.stdout, p.stderr, p.signals, p.disk = s.stdout, s.stderr, s.signals, disk
	p.remindEvery, p.signalEcho = time.Millisecond, time.Hour
	go func() { s.code <- run(args, p) }()
	return s
}

// copyJob reads lines from a folder into one folder of parts.
const copyJob = `
name = "copy"
job.parallelism = 2
checkpoint.interval = "50ms"
restart.strategy = "none"
sources.lines = { connector = "file", path = "input" }
sinks.out = { connector = "bucketing", from = ["lines"], path = "output", bucketer = "base-path" }
`

// endlessJob shows on standard output that it runs, and writes the same records to parts.
const endlessJob = `
name = "endless"
job.parallelism = 1
checkpoint.interval = "20ms"
sources.numbers = { connector = "generator", rate = 2000 }
sinks.show = { connector = "print", from = ["numbers"] }
sinks.out = { connector = "bucketing", from = ["numbers"], path = "output", bucketer = "base-path" }
`

// numbered returns the lines "0" to "n-1".
func numbered(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprint(i)
	}
	return lines
}

func text(lines []string) string { return strings.Join(lines, "\n") + "\n" }

func TestRunEndsWithItsInput(t *testing.T) {
	lines := numbered(5000)
	dir := folder(t, map[string]string{
		"job.toml": copyJob, "input/a.txt": text(lines[:3000]), "input/b.txt": text(lines[3000:]),
	})
	file := filepath.Join(dir, "job.toml")
	got := do(t, "run", file)
	require.Equal(t, result{
		0, "copy finished after N s; everything up to epoch N is published\n\n" +
			"                in   out  dropped  skipped  dead letters  bytes\n" +
			"  source lines  5000  5000        0        0             0  18890\n" +
			"      sink out  5000  5000        0        0             0  18890\n\n" +
			"5000 records read = 5000 written + 0 dropped + 0 dead letters\n",
		"level=INFO msg=starting job=copy guarantee=exactly-once log=store\n",
	}.squeezed(), got.masked().squeezed())
	require.ElementsMatch(t, lines, published(t, filepath.Join(dir, "output")))

	again := do(t, "run", "--json", file)
	require.Zero(t, again.code, again.stderr)
	var s summary
	require.NoError(t, json.Unmarshal([]byte(again.stdout), &s))
	require.Equal(t, "finished", s.Outcome)
	require.Equal(t, totals{Read: 5000, Written: 5000}, s.Totals)
	require.EqualValues(t, 5000, s.Earlier)
	require.True(t, s.NothingNew)
	require.ElementsMatch(t, lines, published(t, filepath.Join(dir, "output")), "nothing comes twice")
}

func (r result) squeezed() result {
	return result{r.code, squeeze(r.stdout), squeeze(r.stderr)}
}

// masked replaces what differs from run to run.
func (r result) masked() result {
	words := strings.Fields(r.stdout)
	for i, w := range words {
		if i > 0 && (words[i-1] == "after" || words[i-1] == "epoch") {
			r.stdout = strings.Replace(r.stdout, words[i-1]+" "+w, words[i-1]+" N", 1)
		}
	}
	r.stderr = logTime.ReplaceAllString(r.stderr, "")
	return r
}

var logTime = regexp.MustCompile(`time=\S+ `)

func TestFirstSignalPublishesALastEpoch(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	job := start(t, "run", filepath.Join(dir, "job.toml"))
	job.stdout.await("100\n")
	job.signals <- syscall.SIGTERM
	require.Zero(t, <-job.code, job.stderr)
	require.Contains(t, job.stderr.String(), "wasmflow: terminated: publishing a last epoch; "+
		"a second signal ends the job at once\n")
	shown := job.stdout.String()
	require.Contains(t, job.stderr.String(), "endless stopped")
	require.Contains(t, job.stderr.String(), "they need not be equal: numbers is read by 2 stages")
	printed := strings.Split(strings.TrimSuffix(shown, "\n"), "\n")
	require.Equal(t, numbered(len(printed)), printed)
	require.Equal(t, printed, published(t, filepath.Join(dir, "output")),
		"everything that was read is published")
}

// TestSecondSignalEndsAtOnce has a job whose last epoch waits for a reader of what it prints: one
// that goes on could be published before the second signal.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": printJob})
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	stderr := newWatcher()
	cmd := child(t, dir, w, stderr, "run", "job.toml")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it ended, unless the test failed
	require.NoError(t, w.Close())
	_, err = r.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	stderr.await("interrupt: publishing a last epoch")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode(), stderr)
	require.Contains(t, stderr.String(), "wasmflow: interrupted before the last epoch was published; "+
		"run the job again and it goes on from the epoch before\n")
}

func TestTwoProcessesOnOneJob(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": endlessJob})
	file := filepath.Join(dir, "job.toml")
	first := start(t, "run", file)
	first.stdout.await("10\n")
	refused := do(t, "run", file)
	require.Equal(t, 3, refused.code)
	require.True(t, strings.HasPrefix(lastLine(refused.stderr), file+
		":2: name: claiming job \"endless\": job is already running: "+dir), refused.stderr)
	require.Contains(t, refused.stderr, fmt.Sprintf("pid %d", os.Getpid()))
	require.Contains(t, refused.stderr, "--takeover")
	require.Empty(t, refused.stdout, "there is nothing to sum up")
	require.NotContains(t, refused.stderr, "endless failed")

	second := start(t, "run", "--takeover", file)
	require.Equal(t, 4, <-first.code, "the first run is fenced: %s", first.stderr)
	require.Contains(t, first.stderr.String(), "fenced by a newer owner")
	require.Contains(t, first.stderr.String(), "endless fenced")
	second.stdout.await("1000\n")
	second.signals <- syscall.SIGINT
	require.Zero(t, <-second.code, second.stderr)
	out := published(t, filepath.Join(dir, "output"))
	require.ElementsMatch(t, numbered(len(out)), out, "nothing is lost or doubled")
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func TestRunFromAnOlderEpoch(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": text(numbered(10))})
	file := filepath.Join(dir, "job.toml")
	early := do(t, "run", "--epoch", "3", file)
	require.Equal(t, 2, early.code)
	require.Equal(t, "wasmflow: run: --epoch 3: refused: job \"copy\" has decided no epoch yet; start "+
		"it without naming one; wasmflow help run shows how\n", early.stderr)
	require.NoDirExists(t, filepath.Join(dir, ".wasmflow"), "nothing is claimed")
	require.Zero(t, do(t, "run", file).code)

	const nothingNew = "all input was read by an earlier run; --fresh reads it again\n"
	require.Contains(t, do(t, "run", file).stdout, nothingNew)

	fresh := do(t, "run", "--fresh", file)
	require.Zero(t, fresh.code, fresh.stderr)
	require.NotContains(t, fresh.stdout, nothingNew)
	require.NotContains(t, fresh.stdout, "by earlier runs")
	require.Contains(t, fresh.stderr, "begins anew")
	require.Len(t, published(t, filepath.Join(dir, "output")), 20)

	unknown := do(t, "run", "--epoch", "77", file)
	require.Equal(t, 2, unknown.code)
	require.Contains(t, unknown.stderr, "choose one of them")
	for _, none := range []string{"0", "-1", "x"} {
		require.Equal(t, 2, do(t, "run", "--epoch", none, file).code, none)
	}
	require.Contains(t, do(t, "run", "--epoch=0", file).stderr, "epochs begin at 1")
}

func TestRenamedSource(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": copyJob, "input/a.txt": text(numbered(10))})
	file := filepath.Join(dir, "job.toml")
	require.Zero(t, do(t, "run", file).code)
	renamed := strings.ReplaceAll(copyJob, "lines", "rows")
	require.NoError(t, os.WriteFile(file, []byte(renamed), 0o644))

	for _, args := range [][]string{{"run", file}, {"validate", "--connect", file}} {
		got := do(t, args...)
		require.Equal(t, 2, got.code, args)
		require.Contains(t, got.stderr, `source "lines" is in the last checkpoint but not in the job `+
			"file; give a source that name again, or give up the rest of its input with --drop-source lines")
	}
	got := do(t, "run", "--drop-source", "lines", file)
	require.Zero(t, got.code, got.stderr)
	require.Contains(t, got.stdout, `earlier runs had a stage "lines"`)
	require.Len(t, published(t, filepath.Join(dir, "output")), 20, "the new source begins anew")
}

func TestStandardInputAndOutput(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": `
name = "pipe"
job.parallelism = 1
admin.address = "off"
sources.in = { connector = "stdin" }
sinks.out = { connector = "print", from = ["in"] }
`})
	got := doWith(t, "a\nb\n", "run", filepath.Join(dir, "job.toml"))
	require.Zero(t, got.code, got.stderr)
	require.Equal(t, "a\nb\n", got.stdout)
	require.Contains(t, got.stderr, "pipe finished")
	require.NotContains(t, got.stderr, "all input was read")

	again := doWith(t, "c\n", "run", filepath.Join(dir, "job.toml"))
	require.Zero(t, again.code, again.stderr)
	require.Empty(t, again.stdout, "the source is finished")
	require.Contains(t, again.stderr, "all input was read by an earlier run; --fresh reads it again\n")
}
