package filesystem

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// silentMax is how long a call may go without an answer before the log tells of it. A server that
	// is well answers within seconds, and whoever looks at a job that stands still looks there first.
	silentMax = 15 * time.Second
	// sayEvery is the least time between two lines in the log about waiting for one server.
	sayEvery = time.Minute
)

// Waits tells a log that calls wait for a server, rarely, and when it answers again. It is safe for
// concurrent use.
type Waits struct {
	logger  *slog.Logger // nil is none
	who, at string
	mu      struct {
		sync.Mutex
		since time.Time // zero while nobody waits
		told  bool      // that somebody does
		said  time.Time // when the log was last told of waiting, for this server or before it answered
	}
}

// NewWaits returns what tells logger, or nobody, of waiting for who, such as "a NameNode", at an
// address.
func NewWaits(logger *slog.Logger, who, at string) *Waits {
	return &Waits{logger: logger, who: who, at: at}
}

// Begin watches one call, until done is called, and tells of it when it goes unanswered for long.
func (w *Waits) Begin(call string) (done func()) {
	began := time.Now()
	over := false // guarded by mu: the timer may fire while done is called
	timer := time.AfterFunc(silentMax, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !over {
			w.say(call, began, fmt.Errorf("no answer for %s", silentMax))
		}
	})
	return func() {
		timer.Stop()
		w.mu.Lock()
		defer w.mu.Unlock()
		over = true
	}
}

// Failed tells of a call that failed because the server is away, and is made again.
func (w *Waits) Failed(call string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.say(call, time.Now(), err)
}

// say needs mu.
func (w *Waits) say(call string, since time.Time, err error) {
	now := time.Now()
	if w.mu.since.IsZero() {
		w.mu.since = since
	}
	if w.logger == nil || !w.mu.said.IsZero() && now.Sub(w.mu.said) < sayEvery {
		return
	}
	w.mu.said, w.mu.told = now, true
	w.logger.Warn("waiting for "+w.who, "at", w.at, "call", call,
		"since", now.Sub(w.mu.since).Round(time.Second).String(), "error", err)
}

// Answered tells that the server is there.
func (w *Waits) Answered() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.told {
		w.logger.Info(w.who+" answers again", "at", w.at,
			"after", time.Since(w.mu.since).Round(time.Second).String())
	}
	w.mu.since, w.mu.told = time.Time{}, false
}
