package txlog

import "errors"

// ErrNotCommitted is in the error of a Session's Commit when the transaction was certainly aborted.
// Its records are gone, so the epoch cannot be decided any more and is done again.
var ErrNotCommitted = errors.New("transaction was aborted")

// errInterrupted is in the error of a publication that another session's fence cut off without a
// claim following it. Claim and Seal try again; nobody else sees it.
var errInterrupted = errors.New("fenced by a session that did not claim")
