//go:build !race

package simulation

const (
	// seedsDefault is what a few seconds of a test run allow.
	seedsDefault = 1500
	// bugSeedsMax is how many seeds a bug may stay hidden.
	bugSeedsMax = 5000
)
