package host

import "errors"

// ErrNotRunning is returned by Engine.Checkpoint when no epoch can begin now: the tasks have not
// started, or the job is ending.
var ErrNotRunning = errors.New("the job does not run")

// StartError is returned by Engine.Run when the outside refused the job before anything of it
// worked: its store, its sinks and sources, or a lack of permission before the first epoch. No
// restart was tried.
type StartError struct{ Err error }

// Error says what was refused.
func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *StartError) Unwrap() error { return e.Err }
