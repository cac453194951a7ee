package supervise

import "errors"

// Errors of Run.
var (
	// ErrGivenUp says that worker after worker was killed before it had worked for long. Look at the
	// log, and at what the machine has to say of memory; then start again.
	ErrGivenUp = errors.New("too many workers were killed one after the other")
	// ErrStopped says that a signal came while no worker ran. The one before was killed and brought
	// nothing to a clean end, but there is nothing left to wait for either: it is no failure.
	ErrStopped = errors.New("stopped between two workers")
)
