//go:build unix

package supervise

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProcess makes the test binary one of the programs below.
const asProcess = "SUPERVISE_TEST_PROGRAM"

// patience is longer than any machine needs.
const patience = time.Minute

func TestMain(m *testing.M) {
	program, ok := programs()[os.Getenv(asProcess)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := program(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

// programs are what processes of the tests do. The last argument of a worker is a folder, the one
// before it says whether it goes on where another one was.
func programs() map[string]func(args []string) error {
	return map[string]func([]string) error{
		"exit": worker(func(w *Worker, life int, _ []string) error { os.Exit(7); return nil }),
		// Its first life ends by a signal of its own, after it has done what lasts.
		"die": worker(func(w *Worker, life int, args []string) error {
			if life == 1 {
				if err := w.Lasting(); err != nil {
					return err
				}
			}
			if life < 3 {
				return killSelf()
			}
			fmt.Println("again", args[0])
			return nil
		}),
		"always-die": worker(func(*Worker, int, []string) error { return killSelf() }),
		// Its first life holds up the scheduler as code of a guest would: asynchronous preemption is
		// switched off.
		"freeze": worker(func(_ *Worker, life int, _ []string) error {
			if life == 1 {
				go func() {
					for n := 0; ; n++ {
						frozen = n
					}
				}()
				select {}
			}
			fmt.Println("thawed")
			return nil
		}),
		// It is idle, with a heart that beats, until a signal comes.
		"wait": worker(func(*Worker, int, []string) error {
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP)
			fmt.Println("ready", os.Getpid())
			for sig := range signals {
				if sig == syscall.SIGTERM {
					os.Exit(3)
				}
				fmt.Println("heard", sig)
			}
			return nil
		}),
		// It writes to a file for as long as it lives.
		"write": worker(func(_ *Worker, _ int, args []string) error {
			f, err := os.Create(filepath.Join(args[len(args)-1], "written"))
			if err != nil {
				return err
			}
			fmt.Println("ready", os.Getpid())
			for {
				if _, err := f.WriteString("x"); err != nil {
					return err
				}
			}
		}),
		// Supervisors, one of them with nothing but the lifeline, of the worker that the first argument
		// names.
		"supervisor": func(args []string) error {
			command, err := workerOf(args)
			if err != nil {
				return err
			}
			_, err = Run(context.Background(), Config{
				Command: func(bool) []string { return command },
				Stdout:  os.Stdout, Stderr: os.Stderr, StuckAfter: patience,
				Logger: slog.New(slog.DiscardHandler), pause: time.Millisecond,
			})
			return err
		},
		"careless supervisor": func(args []string) error {
			command, err := workerOf(args)
			if err != nil {
				return err
			}
			beats, beatsEnd, err := os.Pipe()
			if err != nil {
				return err
			}
			lifelineEnd, lifeline, err := os.Pipe()
			if err != nil {
				return err
			}
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			cmd.ExtraFiles = []*os.File{beatsEnd, lifelineEnd}
			if err := cmd.Start(); err != nil {
				return err
			}
			defer runtime.KeepAlive([]*os.File{beats, lifeline})
			return errors.Join(lifelineEnd.Close(), cmd.Wait())
		},
	}
}

// workerOf is the worker that a supervisor starts.
func workerOf(args []string) ([]string, error) {
	self, err := os.Executable()
	return []string{self, args[1]}, errors.Join(err, os.Setenv(asProcess, args[0]))
}

// frozen keeps a loop from being left out. It is written by one goroutine of one program.
var frozen int

// worker makes a program of what a worker does in its life number n.
func worker(do func(w *Worker, life int, args []string) error) func([]string) error {
	return func(args []string) error {
		w, err := NewWorker(func() { os.Exit(98) })
		if err != nil {
			return err
		}
		life := 1
		for ; ; life++ {
			f, err := os.OpenFile(filepath.Join(args[len(args)-1], strconv.Itoa(life)),
				os.O_CREATE|os.O_EXCL, 0o600)
			if err == nil {
				_ = f.Close()
				break
			}
		}
		if err := do(w, life, args); err != nil {
			return err
		}
		return w.Close()
	}
}

func killSelf() error {
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		return err
	}
	select {}
}

// output is what workers print, for a test to wait for.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{} // closed and replaced with every write
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) await(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		o.mu.Lock()
		found, more := strings.Contains(o.buf.String(), text), o.more
		o.mu.Unlock()
		if found {
			return
		}
		select {
		case <-more:
		case <-timeout:
			require.Fail(t, "no "+text, o.String())
		}
	}
}

// supervised is a supervisor of a test.
type supervised struct {
	signals chan os.Signal
	out     *output
	log     *output
	dir     string
	code    int
	err     error
	done    chan struct{}
}

func start(ctx context.Context, t *testing.T, program string, stuckAfter time.Duration) *supervised {
	t.Helper()
	t.Setenv(asProcess, program)
	t.Setenv("GODEBUG", "asyncpreemptoff=1")
	s := &supervised{
		signals: make(chan os.Signal), out: newOutput(), log: newOutput(), dir: t.TempDir(),
		done: make(chan struct{}),
	}
	self, err := os.Executable()
	require.NoError(t, err)
	go func() { // ends with the worker
		defer close(s.done)
		s.code, s.err = Run(ctx, Config{
			Command: func(again bool) []string { return []string{self, strconv.FormatBool(again), s.dir} },
			Stdout:  s.out, Stderr: s.out, Signals: s.signals, Stops: []os.Signal{syscall.SIGTERM},
			StuckAfter: stuckAfter, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
			pause: time.Millisecond,
		})
	}()
	return s
}

// lives returns how many workers there were.
func (s *supervised) lives(t *testing.T) int {
	t.Helper()
	lives, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	return len(lives)
}

func TestExitCodesPassThrough(t *testing.T) {
	s := start(t.Context(), t, "exit", patience)
	<-s.done
	require.NoError(t, s.err)
	require.Equal(t, 7, s.code)
	require.Equal(t, 1, s.lives(t), "what ends by itself has no successor")
}

func TestAKilledWorkerHasASuccessor(t *testing.T) {
	s := start(t.Context(), t, "die", patience)
	<-s.done
	require.NoError(t, s.err)
	require.Zero(t, s.code)
	require.Equal(t, 3, s.lives(t))
	require.Equal(t, "again true\n", s.out.String(), "what the first one said still holds")
	require.Contains(t, s.log.String(), "signal=killed stuck=false")
}

func TestWorkersThatAreKilledForEverAreGivenUp(t *testing.T) {
	s := start(t.Context(), t, "always-die", patience)
	<-s.done
	require.ErrorIs(t, s.err, ErrGivenUp)
	require.Equal(t, workersMax, s.lives(t))
}

func TestAFrozenWorkerIsKilled(t *testing.T) {
	s := start(t.Context(), t, "freeze", StuckAfterMin)
	<-s.done
	require.NoError(t, s.err)
	require.Zero(t, s.code)
	require.Contains(t, s.out.String(), "thawed\n")
	require.Contains(t, s.log.String(), "the worker is stuck")
	require.Contains(t, s.log.String(), "signal=killed stuck=true")
}

func TestSignalsPassThrough(t *testing.T) {
	s := start(t.Context(), t, "wait", patience)
	s.out.await(t, "ready")
	s.signals <- syscall.SIGHUP
	s.out.await(t, "heard hangup")
	s.signals <- syscall.SIGTERM
	<-s.done
	require.NoError(t, s.err)
	require.Equal(t, 3, s.code)
}

func TestAWorkerThatWasAskedToStopHasNoSuccessor(t *testing.T) {
	s := start(t.Context(), t, "freeze", StuckAfterMin)
	s.signals <- syscall.SIGTERM // it dies of it, for it does not listen, or later of being stuck
	<-s.done
	require.NoError(t, s.err)
	require.Contains(t, []int{128 + int(syscall.SIGTERM), 128 + int(syscall.SIGKILL)}, s.code)
	require.LessOrEqual(t, s.lives(t), 1)
}

func TestAStopBetweenTwoWorkers(t *testing.T) {
	signals := make(chan os.Signal, 2)
	s := &supervisor{cfg: Config{Signals: signals, Stops: []os.Signal{syscall.SIGTERM}}}
	signals <- syscall.SIGHUP // there is nobody to hear it
	signals <- syscall.SIGTERM
	require.ErrorIs(t, s.rest(t.Context(), patience), ErrStopped)
	require.NoError(t, s.rest(t.Context(), time.Nanosecond))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.rest(ctx, patience), context.Canceled)
}

func TestTheWorkerEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := start(ctx, t, "wait", patience)
	s.out.await(t, "ready")
	cancel()
	<-s.done
	require.ErrorIs(t, s.err, context.Canceled)
}

func TestAProgramThatIsNotThere(t *testing.T) {
	_, err := Run(t.Context(), Config{
		Command: func(bool) []string { return []string{filepath.Join(t.TempDir(), "none")} },
		Logger:  slog.New(slog.DiscardHandler), StuckAfter: patience,
	})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestNobodyWritesOnceTheSupervisorIsKilled kills the supervisor alone.
func TestNobodyWritesOnceTheSupervisorIsKilled(t *testing.T) {
	for _, program := range []string{"supervisor", "careless supervisor"} {
		t.Run(program, func(t *testing.T) {
			dir := t.TempDir()
			self, err := os.Executable()
			require.NoError(t, err)
			r, w, err := os.Pipe() // whose end is the end of both processes
			require.NoError(t, err)
			defer r.Close()
			cmd := exec.Command(self, "write", dir)
			cmd.Env = append(os.Environ(), asProcess+"="+program)
			cmd.Stdout, cmd.Stderr = w, w
			require.NoError(t, cmd.Start())
			require.NoError(t, w.Close())
			line, err := bufio.NewReader(r).ReadString('\n')
			require.NoError(t, err)
			require.Regexp(t, `^ready \d+\n$`, line)
			require.NoError(t, cmd.Process.Kill())
			require.Error(t, cmd.Wait())
			rest, err := io.ReadAll(r)
			require.NoError(t, err)
			require.Empty(t, string(rest))
			pid, err := strconv.Atoi(strings.Fields(line)[1])
			require.NoError(t, err)
			require.Eventually(t, func() bool { // an orphan is somebody else's to wait for
				return gone(pid)
			}, patience, time.Millisecond)
		})
	}
}

// gone reports whether nothing of a process runs any more.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
