//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Enabled tells whether this build has failpoints.
const Enabled = true

// Hit marks a place. It acts when the environment armed the place and this is the hit it waits for.
func Hit(name string) error { return armed().hit(name) }

// armed reads the environment once: what a process does must not change while it runs.
var armed = sync.OnceValue(func() *set {
	points, err := Parse(os.Getenv(EnvVar), Names())
	if err != nil {
		panic(err)
	}
	return newSet(points, act)
})

// set counts hits.
type set struct {
	act func(Point) error
	mu  struct {
		sync.Mutex
		left map[string][]pending
	}
}

// pending is a point that has not fired.
type pending struct {
	point Point
	hits  int // still to go
}

func newSet(points []Point, act func(Point) error) *set {
	s := &set{act: act}
	s.mu.left = map[string][]pending{}
	for _, p := range points {
		s.mu.left[p.Name] = append(s.mu.left[p.Name], pending{point: p, hits: p.Nth})
	}
	return s
}

func (s *set) hit(name string) error {
	fired := s.count(name)
	for _, p := range fired {
		if err := s.act(p); err != nil {
			return err
		}
	}
	return nil
}

// count notes a hit and returns the points that fire now.
func (s *set) count(name string) []Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.mu.left[name]
	if len(waiting) == 0 {
		return nil
	}
	var fired []Point
	kept := waiting[:0]
	for _, p := range waiting {
		if p.hits--; p.hits == 0 {
			fired = append(fired, p.point)
		} else {
			kept = append(kept, p)
		}
	}
	s.mu.left[name] = kept
	return fired
}

func act(p Point) error {
	fmt.Fprintf(os.Stderr, "failpoint %s: %s\n", p.Name, p.Action)
	switch p.Action {
	case Kill:
		die()
	case Stop:
		freeze()
	case Error:
		return fmt.Errorf("failpoint %s: %w", p.Name, ErrInjected)
	}
	return nil
}

// die does not return: SIGKILL to oneself takes effect before the call returns to user code.
func die() {
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
		panic(fmt.Sprintf("killing own process: %v", err))
	}
	select {}
}

// freeze stops the process until somebody sends SIGCONT. The kernel may give the SIGSTOP to
// another thread and let this one run on for a moment; waiting for the SIGCONT closes that gap.
func freeze() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGSTOP); err != nil {
		panic(fmt.Sprintf("stopping own process: %v", err))
	}
	<-resumed
}
