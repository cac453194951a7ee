//go:build !race

package bucketing

// callsApart is how far the calls are apart at which TestTakeoverAtEveryCall and
// TestFaultAtEveryCall have something happen.
const callsApart = 1
