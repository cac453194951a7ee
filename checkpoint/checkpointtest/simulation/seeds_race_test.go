//go:build race

package simulation

const (
	// The race detector makes a run about ten times slower, and coroutines have no races to find:
	// here it looks at the harness.
	seedsDefault = 120
	bugSeedsMax  = 5000
)
