//go:build !race

package bucketing

// callsApart is how far the calls are apart at which TestTakeoverAtEveryCall and
// TestFaultAtEveryCall have something happen, and divides what other tests of chance try.
const callsApart = 1
