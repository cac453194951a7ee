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
	// record that stands. It is ErrRefused when the log is sealed for another one, and when it has
	// no record from after on: the new log was itself closed with that record for this one, which
	// the job has not reached yet. after is 0 when the new log was never closed.
	Seal(ctx context.Context, newLog string, after Epoch) (Manifest, error)
	// Close releases what the log holds. It decides nothing.
	Close() error
}

// OpenPrevious opens the log of that name, which the job used before, so that it can be sealed.
// An error that wraps ErrRefused names what is missing for that.
type OpenPrevious func(ctx context.Context, log string) (Sealer, error)

// Previous returns the log from which the job comes to the log called own: the one for which that
// was closed, else the one that the hint names; "" is that the job stays. A seal goes before the
// hint, which a process may have written that was overtaken.
func Previous(own string, last Manifest, found bool, hint Hint) string {
	switch {
	case found && last.Kind == KindSeal:
		return last.Log
	case hint.Log != own:
		return hint.Log // also "", when there is no hint
	}
	return ""
}

// SealPrevious closes the log from which the job comes and returns the record that closes it. last
// is the newest record of the log called own, if any.
func SealPrevious(
	ctx context.Context, open OpenPrevious, previous, own string, last Manifest,
) (seal Manifest, err error) {
	after := Epoch(0)
	if last.Kind == KindSeal {
		after = last.Epoch
	}
	if open == nil {
		return Manifest{}, &LogError{fmt.Sprintf("its log is %q; set checkpoint.log to that", previous)}
	}
	log, err := open(ctx, previous)
	if err != nil {
		return Manifest{}, fmt.Errorf("opening log %s, which the job used before: %w", previous, err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	return log.Seal(ctx, own, after)
}

// Sealed tells what Sealer.Seal answers in a log whose newest record is last: the seal that stands,
// or why the log cannot be closed. It returns false when the log is to be closed now.
func Sealed(last Manifest, found bool, own, newLog string, after Epoch) (Manifest, bool, error) {
	switch {
	case last.Epoch < after:
		return Manifest{}, true, &LogError{fmt.Sprintf("the job moved from log %q to log %q with "+
			"record %d and has not run there yet; set checkpoint.log to %q; once it has run there it "+
			"can move back", newLog, own, after, own)}
	case !found || last.Kind != KindSeal:
		return Manifest{}, false, nil
	case last.Log != newLog:
		return Manifest{}, true, &LogError{fmt.Sprintf("log %q was closed by %s when the job moved "+
			"to log %q; set checkpoint.log to that first", own, last.Owner, last.Log)}
	}
	return last, true, nil
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
	return Manifest{}, &LogError{fmt.Sprintf("record %d (%s, %s) of the log and record %d, with "+
		"which the job left the log before it, do not follow each other; set checkpoint.log to the log "+
		"that ran last", last.Epoch, last.Kind, last.Owner, seal.Epoch)}
}
