package stdin

import "errors"

var (
	// ErrInUse is returned by Open, marked as permanent, when another source of the job reads
	// standard input: each would get a part of it.
	ErrInUse = errors.New("standard input is read by another source of this job")
	// ErrPosition is returned, marked as permanent, for a position that this source never wrote.
	// One of a later version is checkpoint.ErrNewerFormat.
	ErrPosition = errors.New("not a position of standard input")
)
