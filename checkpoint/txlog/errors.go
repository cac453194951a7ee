package txlog

import "errors"

// ErrNotCommitted is in the error of a Session's Commit when the transaction was certainly aborted.
// Its records are gone, so the epoch cannot be decided any more and is done again.
var ErrNotCommitted = errors.New("transaction was aborted")

// errInterrupted is in the error of an attempt to claim or to seal that another process cut off
// without taking the job over. Claim and Seal try again.
var errInterrupted = errors.New("interrupted by another process")
