package task

import "fmt"

// StageError says in which source, transform or sink of the job something went wrong. Run returns
// it, and so does the engine for what it opens; the command finds the line of the job file by it.
type StageError struct {
	Stage string // name in the job file
	Doing string // what was being done, with the name: "writing to lake"
	Err   error
}

// Error says what was being done and what went wrong.
func (e *StageError) Error() string { return e.Doing + ": " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *StageError) Unwrap() error { return e.Err }

// AtStage makes err a *StageError. The format and its arguments say what was being done.
func AtStage(stage string, err error, doing string, args ...any) error {
	return &StageError{Stage: stage, Doing: fmt.Sprintf(doing, args...), Err: err}
}

// ShareError is the failure of a task whose stage refused a larger share of records than its
// share_max allows.
type ShareError struct {
	Stage         string
	Refused, Seen uint64
	ShareMax      float64
}

// Error names the stage, the share and what to do.
func (e *ShareError) Error() string {
	return fmt.Sprintf("%s refused %d of %d records, a share of %.4f above share_max %.4f; mend the "+
		"input or the function, or raise share_max", e.Stage, e.Refused, e.Seen,
		float64(e.Refused)/float64(e.Seen), e.ShareMax)
}
