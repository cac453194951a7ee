package txlog

import "errors"

// ErrNotCommitted is in the error of a Session's Commit when the transaction was certainly aborted.
// Its records are gone, so the epoch cannot be decided any more and is done again.
var ErrNotCommitted = errors.New("transaction was aborted")
