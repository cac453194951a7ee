//go:build race

package simulation

// The race detector makes a run about ten times slower, and coroutines have no races to find: here
// it looks at the harness. The seeds that prove something run without it.
const (
	seedsDefault = 60
	bugSeedsMax  = 5
	mustBeCaught = false
)
