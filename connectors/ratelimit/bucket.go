package ratelimit

import (
	"math"
	"sync"
	"time"
)

// catchUpMax is how much unused time a bucket saves up: enough to make up for an epoch that took
// a while, too little for a source to flood the job after a long stop.
const catchUpMax = time.Second

// Bucket hands out events at a steady rate. It is safe for concurrent use. Make it with NewBucket.
// The times handed to it should carry time.Now's monotonic reading: a clock that is set back by an
// hour makes it wait for an hour.
type Bucket struct {
	perSecond float64
	mu        struct {
		sync.Mutex
		base  time.Time // when event 0 was due; zero before the first call
		taken int64     // events handed out since base
	}
}

// NewBucket returns a bucket of perSecond events, which must be above 0. The first event is due
// at the first call.
func NewBucket(perSecond float64) *Bucket { return &Bucket{perSecond: perSecond} }

// Take hands out up to n events that are due now. When it hands out none, wait is the time until
// the next one is due.
func (b *Bucket) Take(now time.Time, n int) (granted int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	elapsed := b.settle(now)
	granted = int(min(int64(n), max(0, b.dueBy(elapsed)-b.mu.taken)))
	b.mu.taken += int64(granted)
	if granted == 0 {
		wait = b.dueAt(b.mu.taken) - elapsed
	}
	return granted, wait
}

// Return gives back n events of an earlier Take that were not used.
func (b *Bucket) Return(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.taken -= int64(n)
}

// Charge notes n events that have happened already, due or not, and returns the time until the
// next one is due: 0 when one is due now.
func (b *Bucket) Charge(now time.Time, n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	elapsed := b.settle(now)
	b.mu.taken += int64(n)
	return max(0, b.dueAt(b.mu.taken)-elapsed)
}

// settle gives up what was saved beyond catchUpMax (R2) and returns the time since base. The
// caller holds mu.
func (b *Bucket) settle(now time.Time) time.Duration {
	if b.mu.base.IsZero() {
		b.mu.base = now
	}
	elapsed := now.Sub(b.mu.base)
	if elapsed-b.dueAt(b.mu.taken) > catchUpMax {
		b.mu.base = now.Add(-catchUpMax)
		b.mu.taken = 0
		elapsed = catchUpMax
	}
	return elapsed
}

// dueAt returns when event k is due, after base (R1).
func (b *Bucket) dueAt(k int64) time.Duration {
	ns := math.Ceil(float64(k) * float64(time.Second) / b.perSecond)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// dueBy returns how many events are due elapsed after base: the k for which dueAt(k-1) is not
// after elapsed and dueAt(k) is. The estimate may be off by one either way, since dueAt rounds.
func (b *Bucket) dueBy(elapsed time.Duration) int64 {
	k := int64(float64(elapsed)*b.perSecond/float64(time.Second)) + 1
	for k > 0 && b.dueAt(k-1) > elapsed {
		k--
	}
	for b.dueAt(k) <= elapsed {
		k++
	}
	return k
}
