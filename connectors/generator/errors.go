package generator

import "errors"

// Sentinels of a restore that cannot work. Both come marked as permanent.
var (
	// ErrPosition is returned for a split or a position that this source never wrote. One of a
	// later version is checkpoint.ErrNewerFormat.
	ErrPosition = errors.New("not a position of a generator")
	// ErrCountChanged is returned when count differs from what it was when the job began: splits
	// that ended meanwhile could not follow.
	ErrCountChanged = errors.New("count was changed in mid-job; set it back, or start with --fresh")
)
