package host

// StartError is returned by Engine.Run when the outside refused the job before anything of it
// worked: its store, its sinks and sources, or a lack of permission before the first epoch. No
// restart was tried.
type StartError struct{ Err error }

// Error says what was refused.
func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap returns the refusal.
func (e *StartError) Unwrap() error { return e.Err }
