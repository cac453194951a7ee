package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/admin"
	"github.com/wasmflow/wasmflow/host/supervise"
)

// quietJob writes numbers to parts for as long as it runs.
const quietJob = `
name = "quiet"
job.parallelism = 1
checkpoint.interval = "20ms"
sources.numbers = { connector = "generator", rate = 2000 }
sinks.out = { connector = "bucketing", from = ["numbers"], path = "output", bucketer = "base-path" }
`

// supervisedRun is a supervisor in a process of its own.
type supervisedRun struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	stderr *watcher
}

func superviseJob(t *testing.T, dir string, args ...string) *supervisedRun {
	t.Helper()
	s := &supervisedRun{t: t, dir: dir, stderr: newWatcher()}
	s.cmd = child(t, dir, newWatcher(), s.stderr, append([]string{"run", "--supervise"}, args...)...)
	require.NoError(t, s.cmd.Start())
	t.Cleanup(func() { _ = s.cmd.Process.Kill() }) // it ended, unless the test failed
	return s
}

// later waits until a worker other than the one before has published an epoch after e, and returns
// both. A test that has no worker to name names 0.
func (s *supervisedRun) later(before int, e uint64) (pid int, epoch uint64) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		r := do(s.t, "status", "--json", filepath.Join(s.dir, "job.toml"))
		var status struct{ Live admin.Status }
		if r.code != 0 || json.Unmarshal([]byte(r.stdout), &status) != nil {
			return false
		}
		pid, epoch = status.Live.PID, status.Live.Checkpoint.Epoch
		return pid != before && epoch > e
	}, time.Minute, 20*time.Millisecond, s.stderr)
	return pid, epoch
}

// requireNumbersOnce checks that the output is the numbers from 0 on, each of them once.
func requireNumbersOnce(t *testing.T, dir string) {
	t.Helper()
	lines := published(t, filepath.Join(dir, "output"))
	require.NotEmpty(t, lines)
	require.ElementsMatch(t, numbered(len(lines)), lines)
}

// workerGone waits until the process of a worker has ended.
func workerGone(t *testing.T, pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		return syscall.Kill(pid, 0) != nil || err == nil && strings.Contains(string(stat), ") Z ")
	}, time.Minute, time.Millisecond)
}

func TestSupervisedJobsLoseNothing(t *testing.T) {
	dir := folder(t, map[string]string{"job.toml": quietJob})
	// With --fresh a successor that was told the same would begin anew, and write all of it again.
	s := superviseJob(t, dir, "--fresh", "--stuck-after", "4s", "job.toml")
	stuck, epoch := s.later(0, 0)
	require.NotEqual(t, s.cmd.Process.Pid, stuck)
	require.NoError(t, syscall.Kill(stuck, syscall.SIGSTOP))
	s.stderr.await("the worker is stuck")
	next, epoch := s.later(stuck, epoch)
	require.NoError(t, syscall.Kill(next, syscall.SIGKILL))
	last, epoch := s.later(next, epoch)

	require.NoError(t, s.cmd.Process.Kill())
	require.Error(t, s.cmd.Wait())
	workerGone(t, last)
	requireNumbersOnce(t, dir)

	s = superviseJob(t, dir, "job.toml")
	s.later(last, epoch)
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, s.cmd.Wait(), "%s", s.stderr)
	require.Contains(t, s.stderr.String(), "terminated: publishing a last epoch")
	requireNumbersOnce(t, dir)
}

func TestSupervisedExitCodes(t *testing.T) {
	dir := folder(t, map[string]string{
		"job.toml": copyJob, "input/a.txt": "one\ntwo\n", "bad.toml": "name = 7\n",
	})
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"done", []string{"job.toml"}, exitDone, ""},
		{"refused by the worker", []string{"bad.toml"}, exitRefused, "bad.toml:1: name: "},
		{"refused", []string{"--stuck-after", "1s", "job.toml"}, exitRefused,
			"--stuck-after 1s: want at least 2s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr := newWatcher(), newWatcher()
			cmd := child(t, dir, stdout, stderr, append([]string{"run", "--supervise"}, tt.args...)...)
			err := cmd.Run()
			var exit *exec.ExitError
			require.True(t, err == nil || errors.As(err, &exit), "%v", err)
			require.Equal(t, tt.code, cmd.ProcessState.ExitCode(), stderr)
			require.Contains(t, stderr.String(), tt.want)
			if tt.want != "" {
				require.Equal(t, 1, strings.Count(stderr.String(), tt.want), "it is said once (L3)")
			}
		})
	}
	require.Equal(t, []string{"one", "two"}, published(t, filepath.Join(dir, "output")))
	r := do(t, "run", "--supervise", filepath.Join(dir, "job.toml"))
	require.Equal(t, exitFailed, r.code, "there is no program to start")

	stderr := newWatcher()
	cmd := child(t, dir, newWatcher(), stderr, workerName, "job.toml")
	require.Error(t, cmd.Run())
	require.Equal(t, exitFailed, cmd.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "only a supervisor starts this command")
}

func TestOutcomesOfASupervisor(t *testing.T) {
	for _, tt := range []struct {
		name string
		code int
		err  error
		want int
		told string
	}{
		{"done", 0, nil, exitDone, ""},
		{"the worker's code", 137, nil, 137, ""},
		{"a signal between two workers", 0,
			fmt.Errorf("%w by the signal: %v", supervise.ErrStopped, syscall.SIGTERM), exitDone,
			"wasmflow: stopped between two workers by the signal: terminated; run the job again and it " +
				"goes on from its last epoch\n"},
		{"given up", 0, supervise.ErrGivenUp, exitFailed, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, _, stderr := testProcess(t)
			require.Equal(t, tt.want, exitCode(outcomeOf(p, tt.code, tt.err)))
			require.Equal(t, tt.told, stderr.String())
		})
	}
}

// TestWorkersGetTheFlags has every flag of run set, so that one that is added is not forgotten.
func TestWorkersGetTheFlags(t *testing.T) {
	once := map[string]bool{"takeover": true, "adopt": true, "fresh": true} // for the first worker
	parse := func(c command, args ...string) *runOptions {
		t.Helper()
		o := &runOptions{}
		flags := newFlags(&c)
		o.declare(flags)
		rest, err := parseMixed(flags, args)
		require.NoError(t, err)
		require.Empty(t, rest)
		set := map[string]bool{}
		flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
		flags.VisitAll(func(f *flag.Flag) {
			if f.Name != "epoch" { // excludes fresh
				require.True(t, set[f.Name] || once[f.Name], "the test leaves out --%s", f.Name)
			}
		})
		return o
	}
	all := []string{
		"--drop-source=a", "--drop-source=b", "--production", "--json",
		"--log-format=json", "--log-level=debug", "--status-interval=3s",
	}
	for _, begin := range []string{"--fresh", "--epoch=7"} {
		given := parse(runCommand(), append(all, "--takeover", "--adopt", begin)...)
		require.Equal(t, given, parse(workerCommand(), given.arguments(false)...))
		again := parse(workerCommand(), given.arguments(true)...)
		require.Equal(t, parse(runCommand(), all...), again,
			"a successor goes on, and takes nothing from a newer owner")
	}
}
