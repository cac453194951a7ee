//go:build !race

package simulation

const (
	// seedsDefault is what some ten seconds of a test run allow.
	seedsDefault = 2000
	// bugSeedsMax is how many seeds a bug may stay hidden.
	bugSeedsMax  = 5000
	mustBeCaught = true
)
