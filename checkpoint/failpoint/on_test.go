//go:build failpoints

package failpoint

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSetFiresOnceAtTheNthHit(t *testing.T) {
	var fired []Point
	s := newSet([]Point{{"a", Error, 2}, {"a", Error, 3}}, func(p Point) error {
		fired = append(fired, p)
		return ErrInjected
	})
	var errs []bool
	for range 4 {
		errs = append(errs, s.hit("a") != nil)
	}
	require.NoError(t, s.hit("b"))
	require.Equal(t, []bool{false, true, true, false}, errs)
	require.Equal(t, []Point{{"a", Error, 2}, {"a", Error, 3}}, fired)
}

func TestErrorActionWrapsErrInjected(t *testing.T) {
	require.ErrorIs(t, act(Point{Name: "a", Action: Error}), ErrInjected)
}

// childEnv makes the test binary act on itself: the two signals cannot be tried in-process.
const childEnv = "WASMFLOW_FAILPOINT_CHILD"

func TestMain(m *testing.M) {
	if action := os.Getenv(childEnv); action != "" {
		_ = act(Point{Name: "child", Action: Action(action)})
		_, _ = os.Stdout.WriteString("resumed\n")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestKillEndsTheProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(Kill))
	out, err := cmd.Output()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit))
	require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal())
	require.Empty(t, out)
	require.Equal(t, "failpoint child: kill\n", string(exit.Stderr))
}

func TestStopFreezesUntilContinued(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(Stop))
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	// WUNTRACED makes the wait return when the child stops, so nothing here guesses at times.
	var status syscall.WaitStatus
	_, err = syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.True(t, status.Stopped(), "child ended instead of stopping: %v", status)

	require.NoError(t, cmd.Process.Signal(syscall.SIGCONT))
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "resumed\n", line)
	require.NoError(t, cmd.Wait())
}
