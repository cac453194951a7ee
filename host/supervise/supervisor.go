package supervise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"
)

const (
	// StuckAfterDefault is how long a heart may stand still. Stopping the world takes milliseconds; a
	// machine that has run out of memory takes seconds for anything.
	StuckAfterDefault = 30 * time.Second
	// StuckAfterMin leaves room for a beat that is late on a machine that is busy.
	StuckAfterMin = 4 * beatEvery
	// pauseMin is the pause before a second worker. It doubles with every one that is killed.
	pauseMin = time.Second
	// pauseMax bounds it: an outside that is back should not be waited for any longer.
	pauseMax = time.Minute
	// settledAfter is how long a worker works before its end is not taken for that of the one before.
	settledAfter = 10 * time.Minute
	// workersMax is how many workers in a row may be killed before they have settled: a machine that
	// kills ten has a problem that the eleventh does not solve.
	workersMax = 10
	// lastWordsMax is how long the supervisor waits for the end of what a dead worker said. It is
	// there already; only a process that the worker started could keep the pipe open.
	lastWordsMax = time.Second
	// outputMax is how long it waits for what a dead worker printed, where that is no file.
	outputMax = time.Second
)

// Config is what a supervisor is made of.
type Config struct {
	// Command is the program of a worker with its arguments. again tells that an earlier worker has
	// said that it did what lasts.
	Command func(again bool) []string
	// Stdin is the worker's input; nil is none.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Signals are passed on to the worker. After one of Stops a worker has no successor.
	Signals <-chan os.Signal
	Stops   []os.Signal
	// StuckAfter is how long the heart of a worker may stand still; at least StuckAfterMin.
	StuckAfter time.Duration
	Logger     *slog.Logger

	pause time.Duration // pauseMin, or what a test has patience for
}

// Run starts a worker and, as long as they are killed, others in its place. It returns the exit
// code of the last one, which is 128 and the signal for one that was killed after it was asked to
// stop. The error is about starting a worker, ErrGivenUp, ErrStopped or the end of ctx, with which
// the worker ends too.
func Run(ctx context.Context, cfg Config) (code int, err error) {
	// The system takes the end of the thread that started the worker for that of its parent (tie).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if cfg.pause == 0 {
		cfg.pause = pauseMin
	}
	s := &supervisor{cfg: cfg}
	for pause, killed := cfg.pause, 0; ; pause = min(2*pause, pauseMax) {
		began := time.Now()
		end, err := s.work(ctx)
		if err != nil {
			return 0, err
		}
		if !end.killed || s.stopping || slices.Contains(s.passed, os.Signal(end.signal)) {
			return end.code, nil
		}
		if time.Since(began) >= settledAfter {
			pause, killed = cfg.pause, 0
		}
		if killed++; killed == workersMax {
			return 0, fmt.Errorf("%w: %d of them, the last one by the signal: %v", ErrGivenUp, killed,
				end.signal)
		}
		cfg.Logger.Warn("the worker was killed; another one goes on in its place", "signal", end.signal,
			"stuck", end.stuck, "pid", end.pid, "wait", pause)
		if err := s.rest(ctx, pause); err != nil {
			return 0, err
		}
	}
}

// supervisor is one call of Run.
type supervisor struct {
	cfg      Config
	again    bool
	stopping bool        // a signal asked for the end
	passed   []os.Signal // on to a worker
}

// end is how a worker ended.
type end struct {
	pid    int
	code   int
	killed bool
	signal syscall.Signal // if killed
	stuck  bool           // by the supervisor
}

// life is a worker while it lives.
type life struct {
	cmd      *exec.Cmd
	beats    *os.File
	lifeline *os.File
	said     chan byte  // closed at the end of what it says
	exited   chan error // of one
}

// begin starts a worker.
func (s *supervisor) begin(ctx context.Context) (l *life, err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close() // the worker has its own by now, or there is none
		}
	}()
	beats, beatsEnd, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	files = append(files, beatsEnd)
	lifelineEnd, lifeline, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a worker: %w", err), beats.Close())
	}
	files = append(files, lifelineEnd)
	command := s.cfg.Command(s.again)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.cfg.Stdin, s.cfg.Stdout, s.cfg.Stderr
	cmd.ExtraFiles = []*os.File{beatsEnd, lifelineEnd}
	cmd.WaitDelay = outputMax
	tie(cmd)
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a worker: %w", err), beats.Close(),
			lifeline.Close())
	}
	l = &life{
		cmd: cmd, beats: beats, lifeline: lifeline, said: make(chan byte),
		exited: make(chan error, 1),
	}
	go l.listen()                          // ends with what the worker says, or by close
	go func() { l.exited <- cmd.Wait() }() // ends with the worker
	return l, nil
}

// listen passes on what the worker says.
func (l *life) listen() {
	defer close(l.said)
	var b [64]byte
	for {
		n, err := l.beats.Read(b[:])
		for _, what := range b[:n] {
			l.said <- what
		}
		if err != nil {
			return
		}
	}
}

// work runs a worker from its start to its end.
func (s *supervisor) work(ctx context.Context) (end, error) {
	l, err := s.begin(ctx)
	if err != nil {
		return end{}, err
	}
	defer func() { _, _ = l.beats.Close(), l.lifeline.Close() }()
	// Silence is counted in beats that did not come and not in time: a supervisor that was stopped
	// together with its worker, as a container is that is frozen, has not been waiting meanwhile.
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	silent, stuck := 0, false
	for said := l.said; ; {
		select {
		case what, ok := <-said:
			if !ok {
				said = nil // its end is near, or it has closed the pipe: the count goes on
				continue
			}
			silent = 0
			s.again = s.again || what == sayLasted
		case <-tick.C:
			if silent++; time.Duration(silent)*beatEvery < s.cfg.StuckAfter || stuck {
				continue
			}
			stuck = true
			s.cfg.Logger.Error("the worker is stuck and is killed: something, most likely code of a "+
				"plugin, holds up its scheduler", "silent", s.cfg.StuckAfter, "pid", l.cmd.Process.Pid)
			_ = l.cmd.Process.Kill() // it may have ended by itself just now
		case sig := <-s.cfg.Signals:
			s.passed = append(s.passed, sig)
			s.stopping = s.stopping || slices.Contains(s.cfg.Stops, sig)
			_ = l.cmd.Process.Signal(sig) // as above
		case err := <-l.exited:
			return s.ended(ctx, l, stuck, err)
		}
	}
}

// ended returns how a worker ended that has.
func (s *supervisor) ended(ctx context.Context, l *life, stuck bool, err error) (end, error) {
	_ = l.beats.SetReadDeadline(time.Now().Add(lastWordsMax)) // a pipe takes one
	for what := range l.said {                                // V4
		s.again = s.again || what == sayLasted
	}
	state := l.cmd.ProcessState
	if ctx.Err() != nil {
		return end{}, ctx.Err()
	}
	if state == nil {
		return end{}, fmt.Errorf("waiting for the worker: %w", err)
	}
	e := end{pid: state.Pid(), code: state.ExitCode(), stuck: stuck}
	if e.signal, e.killed = killedBy(state); e.killed {
		e.code = 128 + int(e.signal)
	}
	return e, nil
}

// rest waits before another worker is started.
func (s *supervisor) rest(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case sig := <-s.cfg.Signals:
			if slices.Contains(s.cfg.Stops, sig) {
				return fmt.Errorf("%w by the signal: %v", ErrStopped, sig)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
