package servers

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// childVar makes this test binary start a server and wait to be killed.
const childVar = "WASMFLOW_TEST_SERVERS_CHILD"

func TestMain(m *testing.M) {
	if log := os.Getenv(childVar); log != "" {
		p, err := start(context.Background(), "child", log, "up", []string{"sh", "-c", "echo up; sleep 600"})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(p.cmd.Process.Pid)
		<-p.ended
	}
	os.Exit(m.Run())
}

// V1: a server dies with the process that started it.
func TestServerDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), childVar+"="+filepath.Join(t.TempDir(), "log"))
	out, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0), "it runs")
	require.NoError(t, parent.Process.Kill())
	_ = parent.Wait()
	require.Eventually(t, func() bool { return gone(pid) }, 10*time.Second, 5*time.Millisecond)
}

// gone tells whether a process has ended; one that nobody waits for stays in the table.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestStartTellsWhatTheServerSaid(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	_, err := start(t.Context(), "node 1", log, "up", []string{"sh", "-c", "echo no room; exit 7"})
	require.ErrorContains(t, err, "starting node 1: exit status 7")
	require.ErrorContains(t, err, "no room")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = start(ctx, "node 1", log, "up", []string{"sleep", "600"})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = start(t.Context(), "node 1", log, "up", []string{"/no/such/program"})
	require.ErrorContains(t, err, "/no/such/program")
}

func TestMissingToolNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := newJava(t.Context(), "jars")
	require.ErrorIs(t, err, ErrMissingTool)
	require.ErrorContains(t, err, "apt-get install "+javaPackage)
	err = fetch(t.Context(), t.TempDir(), nil)
	require.ErrorIs(t, err, ErrMissingTool)
	require.ErrorContains(t, err, "apt-get install maven")
}

// V3: a port has one owner.
func TestPortsHaveOneOwner(t *testing.T) {
	var p ports
	taken := map[int]bool{}
	for range 50 {
		port, err := p.take()
		require.NoError(t, err)
		require.False(t, taken[port], "port %d twice", port)
		taken[port] = true
		l, err := net.Listen("tcp4", address(port))
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	require.NoError(t, p.free())
}

// V4: of several that need a folder one makes it, and a failure leaves nothing.
func TestCachedIsMadeOnce(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := cached(t.Context(), "x", func(string) error { return os.ErrInvalid })
	require.ErrorIs(t, err, os.ErrInvalid)
	var made atomic.Int32
	dirs := make(chan string)
	for range 4 {
		go func() { // ends when its folder is taken
			dir, err := cached(t.Context(), "x", func(dir string) error {
				made.Add(1)
				return os.WriteFile(filepath.Join(dir, "f"), nil, 0o644)
			})
			if err != nil {
				dir = err.Error()
			}
			dirs <- dir
		}()
	}
	for range 4 {
		require.FileExists(t, filepath.Join(<-dirs, "f"))
	}
	require.EqualValues(t, 1, made.Load())
}
