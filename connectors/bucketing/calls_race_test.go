//go:build race

package bucketing

// callsApart is more under the race detector, which makes each call ten times as slow and finds
// what it finds at a few.
const callsApart = 4
