package collection

import "errors"

// ErrPosition is returned, marked as permanent, for a position that does not fit the records: the
// list in the job file became shorter in mid-job, or the state is damaged. One of a later version
// is checkpoint.ErrNewerFormat.
var ErrPosition = errors.New("not a position in the list of records")
