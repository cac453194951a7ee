package checkpoint

import (
	"context"
	"errors"
	"fmt"
)

// Sealer is the ability of a commit log to end, so that the job can go on in another log.
type Sealer interface {
	// Seal fences every owner of this log, publishes a record of KindSeal that holds the last
	// manifest and names the new log, and returns it. Sealing again for the same log returns the
	// record that stands. A log that is sealed for another one is ErrRefused.
	Seal(ctx context.Context, newLog string) (Manifest, error)
	// Close releases what the log holds. It writes nothing.
	Close() error
}

// OpenPrevious opens the log of that name, which the job used before, so that it can be sealed.
// An error that wraps ErrRefused names what is missing for that.
type OpenPrevious func(ctx context.Context, log string) (Sealer, error)

// SealPrevious closes the log that the job used before and returns the record that closes it.
func SealPrevious(
	ctx context.Context, open OpenPrevious, previous, next string,
) (seal Manifest, err error) {
	if open == nil {
		return Manifest{}, fmt.Errorf("%w: its log is %q; set checkpoint.log to that",
			ErrRefused, previous)
	}
	log, err := open(ctx, previous)
	if err != nil {
		return Manifest{}, fmt.Errorf("opening log %s, which the job used before: %w", previous, err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return log.Seal(ctx, next)
}

// Imported returns what a claim of a log builds on after the log before it was closed by seal: the
// seal, unless the log has records that follow it. last is the newest record of the log, read after
// its older owners were fenced; found is false for a log without records.
//
// Only two things can stand in a log to which a job moves: a seal from the time when it moved away,
// with a lower number, or records that were imported from this very seal by a process that did not
// get further, or did and runs. Anything else has missed a part of the job's life.
func Imported(last Manifest, found bool, seal Manifest) (Manifest, error) {
	switch {
	case !found:
		return seal, nil
	case last.JobID != seal.JobID:
		return Manifest{}, fmt.Errorf("%w: the log is of job id %s, the log before it of job id %s",
			ErrOtherJob, last.JobID, seal.JobID)
	case (last.Kind == KindSeal) == (last.Epoch < seal.Epoch):
		if last.Kind == KindSeal {
			return seal, nil
		}
		return last, nil
	}
	return Manifest{}, fmt.Errorf("%w: record %d (%s, %s) of the log and record %d, with which the job "+
		"left the log before it, do not follow each other; set checkpoint.log to the log that ran last",
		ErrRefused, last.Epoch, last.Kind, last.Owner, seal.Epoch)
}
