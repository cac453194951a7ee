package ratelimit

import "time"

// batchSpan is how much of the allowance one batch should use: short enough that the output of a
// slow source does not come in gulps, long enough that a fast one still moves in large batches.
const batchSpan = 100 * time.Millisecond

// Limiter bounds the records and the bytes per second of one source. All its tasks share it. It
// is safe for concurrent use.
type Limiter struct {
	records, bytes *Bucket // nil is no bound
}

// New returns a limiter; 0 is no bound.
func New(recordsPerSecond, bytesPerSecond float64) *Limiter {
	l := &Limiter{}
	if recordsPerSecond > 0 {
		l.records = NewBucket(recordsPerSecond)
	}
	if bytesPerSecond > 0 {
		l.bytes = NewBucket(bytesPerSecond)
	}
	return l
}

// BatchMax narrows the bounds of a batch so that one batch stays near batchSpan of the allowance.
// Records and bytes are at least 1.
func (l *Limiter) BatchMax(records, bytes int) (recordsMax, bytesMax int) {
	return narrow(l.records, records), narrow(l.bytes, bytes)
}

func narrow(b *Bucket, n int) int {
	if b == nil {
		return n
	}
	return max(1, int(min(float64(n), b.perSecond*batchSpan.Seconds())))
}

// Take notes that records and bytes were read now and returns how long to wait before more are
// read. The size of a batch is known only after it was read, so the wait pays for it afterwards.
func (l *Limiter) Take(now time.Time, records, bytes int) time.Duration {
	var wait time.Duration
	if l.records != nil {
		wait = l.records.Charge(now, records)
	}
	if l.bytes != nil {
		wait = max(wait, l.bytes.Charge(now, bytes))
	}
	return wait
}
