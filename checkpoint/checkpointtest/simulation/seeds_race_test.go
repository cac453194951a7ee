//go:build race

package simulation

const (
	// The race detector makes a run about ten times slower, and coroutines have no races to find:
	// here it looks at the harness. The bugs are judged without it.
	seedsDefault = 40
	bugSeedsMax  = 0
)
