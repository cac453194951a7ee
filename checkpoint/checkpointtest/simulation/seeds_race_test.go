//go:build race

package simulation

const (
	// The race detector makes a run about ten times slower, and a coroutine has no races to
	// find: here it looks at the harness.
	seedsDefault = 100
	bugSeedsMax  = 3000
)
