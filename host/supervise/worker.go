package supervise

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
)

// beatEvery is the time between two beats. Each of them stops the world for some tens of
// microseconds.
const beatEvery = 500 * time.Millisecond

// The file descriptors of a worker: what os/exec.Cmd.ExtraFiles makes of two files.
const (
	beatsFD    = 3 // to write to
	lifelineFD = 4 // to read from, which is nothing until the supervisor ends
)

// What a worker says, one byte each.
const (
	sayBeat   = 'b'
	sayLasted = 'c'
)

// Worker is the worker's side.
type Worker struct {
	beats, lifeline *os.File
	write           sync.Mutex
	closing         chan struct{}
	running         sync.WaitGroup
}

// NewWorker takes up the pipes of a supervisor, which has started this process, and begins to send
// beats. orphaned is called in a goroutine of its own when the supervisor has ended; it is to end
// the process at once.
func NewWorker(orphaned func()) (*Worker, error) {
	beats, err := inherited(beatsFD, "beats")
	if err != nil {
		return nil, err
	}
	lifeline, err := inherited(lifelineFD, "lifeline")
	if err != nil {
		return nil, errors.Join(err, beats.Close())
	}
	w := &Worker{beats: beats, lifeline: lifeline, closing: make(chan struct{})}
	w.running.Add(2)
	go w.beat()         // ends by Close
	go w.hold(orphaned) // ends by Close, or with the process
	return w, nil
}

// beat sends beats.
func (w *Worker) beat() {
	defer w.running.Done()
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats) // V1: it stops the world
		if w.say(sayBeat) != nil {
			return // the supervisor is gone, or this is Close
		}
		select {
		case <-tick.C:
		case <-w.closing:
			return
		}
	}
}

// hold waits for the end of the supervisor.
func (w *Worker) hold(orphaned func()) {
	defer w.running.Done()
	if _, err := w.lifeline.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
		orphaned()
	}
}

func (w *Worker) say(what byte) error {
	w.write.Lock()
	defer w.write.Unlock()
	_, err := w.beats.Write([]byte{what})
	return err
}

// Lasting tells the supervisor that from now on the process may do what lasts: a successor is to go
// on from there, and not to begin as this one was told to. When Lasting returns nil the supervisor
// will know of it whatever happens to this process (V4).
func (w *Worker) Lasting() error {
	if err := w.say(sayLasted); err != nil {
		return fmt.Errorf("telling the supervisor: %w", err)
	}
	return nil
}

// Close ends the beats and waits for what NewWorker started.
func (w *Worker) Close() error {
	close(w.closing)
	err := errors.Join(w.lifeline.Close(), w.beats.Close()) // wakes both goroutines
	w.running.Wait()
	return err
}
