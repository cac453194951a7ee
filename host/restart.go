package host

import (
	"math"
	"math/rand/v2"
	"time"
)

// restarter decides whether and when a failed attempt is followed by another. It keeps the
// history of one run of the engine and is used by its goroutine alone.
type restarter interface {
	// next is told that an attempt that began at started failed at now. It returns how long
	// to wait, or false when the job is to fail.
	next(started, now time.Time) (time.Duration, bool)
}

// noRestart fails the job with its first attempt.
type noRestart struct{}

func (noRestart) next(_, _ time.Time) (time.Duration, bool) { return 0, false }

// fixedDelay allows a number of restarts over the life of the job, each after the same delay.
type fixedDelay struct {
	attempts int
	delay    time.Duration
	used     int
}

func (f *fixedDelay) next(_, _ time.Time) (time.Duration, bool) {
	if f.used >= f.attempts {
		return 0, false
	}
	f.used++
	return f.delay, true
}

// exponentialDelay restarts for ever, with growing delays; an attempt that ran for at least
// reset starts the growth anew.
type exponentialDelay struct {
	initial, max, reset time.Duration
	multiplier          float64
	jitter              float64 // share of the delay, both ways
	rng                 *rand.Rand
	current             time.Duration
}

func (e *exponentialDelay) next(started, now time.Time) (time.Duration, bool) {
	switch {
	case e.current == 0 || now.Sub(started) >= e.reset:
		e.current = e.initial
	default:
		e.current = time.Duration(math.Min(float64(e.current)*e.multiplier, float64(e.max)))
	}
	spread := 1 + e.jitter*(2*e.rng.Float64()-1)
	return time.Duration(float64(e.current) * spread), true
}

// failureRate restarts as long as fewer than failures fell into the last interval.
type failureRate struct {
	failures        int
	interval, delay time.Duration
	times           []time.Time // of the failures within the interval, at most failures many
}

func (f *failureRate) next(_, now time.Time) (time.Duration, bool) {
	recent := f.times[:0]
	for _, t := range f.times {
		if now.Sub(t) < f.interval {
			recent = append(recent, t)
		}
	}
	f.times = append(recent, now)
	if len(f.times) > f.failures {
		return 0, false
	}
	return f.delay, true
}

var (
	_ restarter = noRestart{}
	_ restarter = (*fixedDelay)(nil)
	_ restarter = (*exponentialDelay)(nil)
	_ restarter = (*failureRate)(nil)
)
