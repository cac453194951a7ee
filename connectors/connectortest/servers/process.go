package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// tailMax bounds what a message quotes of a server's log.
	tailMax = 4 << 10
	// stopMax is how long a server may take to stop before it is killed.
	stopMax = 30 * time.Second
)

// process is a server that runs. Its output goes to a file.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   *watched
	ended chan struct{} // closed when it was waited for
}

// start starts argv in dir and waits until it says ready, which ends the wait with an error when
// the process ends first.
func start(ctx context.Context, name, logPath, ready string, argv []string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{})}
	p.out = &watched{file: log, needle: []byte(ready), found: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.SysProcAttr = ownChild()
	started := make(chan error)
	go func() { // ends with the process
		// The kernel kills the child when the thread that started it ends, so this goroutine keeps
		// one to itself for as long as the child lives.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its state says how it ended
		}
		_ = log.Close()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	select {
	case <-p.out.found:
		return p, nil
	case <-p.ended:
		return nil, fmt.Errorf("starting %s: %s: its log ends with:\n%s", name,
			p.cmd.ProcessState, p.out.tail())
	case <-ctx.Done():
		p.kill()
		return nil, fmt.Errorf("waiting for %s to say %q: %w: its log ends with:\n%s", name, ready,
			ctx.Err(), p.out.tail())
	}
}

// kill ends the process at once, frozen or not.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop asks the process to end and waits for it.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.name, err)
	}
	timer := time.NewTimer(stopMax)
	defer timer.Stop()
	select {
	case <-p.ended:
		return nil
	case <-timer.C:
		p.kill()
		return fmt.Errorf("stopping %s: it took more than %s and was killed", p.name, stopMax)
	}
}

// signal sends a signal to a process that lives.
func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("signalling %s: %w", p.name, err)
	}
	return nil
}

// watched writes to a file, waits for a text and keeps the end.
type watched struct {
	file   *os.File
	needle []byte
	found  chan struct{} // closed when the needle was written

	mu struct {
		sync.Mutex
		end  []byte
		seen bool
	}
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.end = append(w.mu.end, b...)
	if !w.mu.seen && bytes.Contains(w.mu.end, w.needle) {
		w.mu.seen = true
		close(w.found)
	}
	if over := len(w.mu.end) - tailMax; over > 0 {
		w.mu.end = append(w.mu.end[:0], w.mu.end[over:]...)
	}
	return w.file.Write(b)
}

func (w *watched) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.mu.end)
}
