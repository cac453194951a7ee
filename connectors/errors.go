package connectors

import (
	"context"
	"errors"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Class tells what the engine does about an error.
type Class int

// The classes of errors.
const (
	// Fail ends the attempt: the epoch is given up and the restart strategy decides.
	Fail Class = iota
	// Retry is tried again by the caller within its named bound; then it counts as Fail.
	Retry
	// Fatal ends the job without restart: trying again cannot help or would do harm.
	Fatal
)

// String returns the class in words.
func (c Class) String() string {
	switch c {
	case Retry:
		return "retry"
	case Fatal:
		return "fatal"
	default:
		return "fail"
	}
}

type classified struct {
	err   error
	class Class
}

func (c *classified) Error() string { return c.err.Error() }
func (c *classified) Unwrap() error { return c.err }

// Retryable marks err as worth another try: the outside was away for a moment.
func Retryable(err error) error { return mark(err, Retry) }

// Permanent marks err as one that no restart mends.
func Permanent(err error) error { return mark(err, Fatal) }

// KeyError is an error that one key of a connector's table is to blame for. The command finds the
// line of the job file by it.
type KeyError struct {
	Key string // dotted path below the table
	Err error
}

// Error says what is wrong.
func (e *KeyError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong.
func (e *KeyError) Unwrap() error { return e.Err }

// AtKey blames key for err. A nil err stays nil.
func AtKey(key string, err error) error {
	if err == nil {
		return nil
	}
	return &KeyError{Key: key, Err: err}
}

func mark(err error, c Class) error {
	if err == nil {
		return nil
	}
	return &classified{err: err, class: c}
}

// fatalSentinels are errors that end a job at once wherever they come from.
var fatalSentinels = [...]error{
	checkpoint.ErrFenced, checkpoint.ErrOtherJob, checkpoint.ErrNewerFormat, checkpoint.ErrCorrupt,
	checkpoint.ErrLost, filesystem.ErrConflict, filesystem.ErrMissing,
	filesystem.ErrDamaged, filesystem.ErrToken,
}

// Classify tells what to do about err. The outermost mark wins; a nil err is Fail.
func Classify(err error) Class {
	for _, s := range fatalSentinels {
		if errors.Is(err, s) {
			return Fatal
		}
	}
	var c *classified
	if errors.As(err, &c) {
		return c.class
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return Retry
	}
	return Fail
}
