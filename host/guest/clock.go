package guest

import "math"

// startTime is the clock of an instance that was not told the time. It is not 0 because Go's
// runtime takes a monotonic clock of 0 for a broken one.
const startTime = int64(1_000_000_000)

// clock is the time a guest sees. It stands still but for the guest's own sleeps: the real-time
// clock starts every call at the batch's time, the monotonic one never goes back.
type clock struct {
	real      int64 // nanoseconds since 1970
	monotonic int64
}

// begin sets the clock for a call.
func (c *clock) begin(batchTime int64) {
	if batchTime <= 0 {
		batchTime = startTime
	}
	c.real = batchTime
	c.monotonic = max(c.monotonic, batchTime)
}

// advance moves both clocks; a sleep longer than the clock can tell stops at its end.
func (c *clock) advance(ns uint64) {
	c.real = addClamped(c.real, ns)
	c.monotonic = addClamped(c.monotonic, ns)
}

func addClamped(t int64, ns uint64) int64 {
	if ns > uint64(math.MaxInt64-t) {
		return math.MaxInt64
	}
	return t + int64(ns)
}
