package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// outputMax bounds what is kept of a process's output, for messages.
const outputMax = 8 << 10

// process is a run of the job.
type process struct {
	cmd  *exec.Cmd
	out  tail
	done chan struct{} // closed when it was waited for
}

func startProcess(ctx context.Context, argv, env []string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", argv[0], err)
	}
	go func() { // ends with the process
		_ = p.cmd.Wait() // the state says how it ended
		close(p.done)
	}()
	return p, nil
}

// exitedWithin waits for the process to end, d at most.
func (p *process) exitedWithin(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// kill ends the process at once, frozen or not, and waits for it. It reports whether the process
// was still there to be killed.
func (p *process) kill() bool {
	err := p.cmd.Process.Kill()
	<-p.done
	return err == nil
}

func (p *process) freeze() { _ = p.cmd.Process.Signal(syscall.SIGSTOP) }

// wakeUntilExit wakes the process until it ends, d at most. Once is not enough: (1) it is frozen
// from outside on its way to a failpoint, (2) it is woken, (3) it freezes itself there.
func (p *process) wakeUntilExit(d time.Duration) bool {
	const pause = 50 * time.Millisecond
	for range d / pause {
		_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may have ended by itself
		if p.exitedWithin(pause) {
			return true
		}
	}
	return false
}

// exitCode returns the exit code of a process that ended, or -1 when a signal ended it.
func (p *process) exitCode() int { return p.cmd.ProcessState.ExitCode() }

// killed reports whether SIGKILL ended the process.
func (p *process) killed() bool {
	ws, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}

// describe tells how the process stands and what it said last.
func (p *process) describe() string {
	state := "still running"
	select {
	case <-p.done:
		state = p.cmd.ProcessState.String()
	default:
	}
	return fmt.Sprintf("%s; its output ends with:\n%s", state, p.out.String())
}

// tail keeps the end of what is written to it. It is written by the process's pipes and read by
// the runner.
type tail struct {
	mu struct {
		sync.Mutex
		buf bytes.Buffer
	}
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.buf.Write(b)
	if over := t.mu.buf.Len() - outputMax; over > 0 {
		t.mu.buf.Next(over)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.buf.String()
}
