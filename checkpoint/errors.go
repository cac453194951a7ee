package checkpoint

import (
	"errors"
	"fmt"
)

// Sentinels of commit logs, for callers to branch on.
var (
	// ErrFenced is returned by Claim and Decide when a newer owner stands in the log. It is
	// terminal: the process ends with its own exit code and cleans nothing (I6).
	ErrFenced = errors.New("fenced by a newer owner")

	// ErrOutcomeUnknown is returned by Decide when the deciding record may or may not have
	// been written and reading it back did not settle it. Claim again and read.
	ErrOutcomeUnknown = errors.New("outcome of the commit is unknown")

	// ErrEpochLost is returned by Decide when the epoch is certainly not decided and what it held
	// is gone with its transaction, so that calling Decide again could decide nothing. Claim
	// again; the epoch is done anew.
	ErrEpochLost = errors.New("the epoch's transaction is lost")

	// ErrBusy is returned by Claim when another live process holds the job and no takeover was
	// asked for. Its wrapping error names the process.
	ErrBusy = errors.New("job is already running")

	// ErrOtherJob is returned by Claim when the store holds a job of another identity.
	ErrOtherJob = errors.New("store belongs to another job")

	// ErrNewerFormat is returned when a durable format is newer than this binary knows.
	ErrNewerFormat = errors.New("format is newer than this version of wasmflow")

	// ErrCorrupt is returned when a durable record does not decode or fails its checksum.
	ErrCorrupt = errors.New("record is corrupt")

	// ErrLost is returned by Committer.Commit and Recover when prepared output and its final
	// name are both missing. Nothing is published further; a person decides.
	ErrLost = errors.New("prepared output is missing")

	// ErrRefused is returned when going on would lose or double data in a way that the user did
	// not ask for. Its wrapping error names the remedy.
	ErrRefused = errors.New("refused")

	// ErrTimeout is wrapped by the cause of a machine's end when the parts of an epoch did not
	// come in time.
	ErrTimeout = errors.New("checkpoint timed out")
)

// UnknownSourceError is returned by Reconcile for a source that the manifest knows and the job file
// does not: it was renamed or removed. It is ErrRefused.
type UnknownSourceError struct{ Source string }

// Error names the source and what to do.
func (e *UnknownSourceError) Error() string {
	return fmt.Sprintf("source %q is in the last checkpoint but not in the job file; give a source "+
		"that name again, or give up the rest of its input with --drop-source %s", e.Source, e.Source)
}

// Unwrap returns ErrRefused.
func (e *UnknownSourceError) Unwrap() error { return ErrRefused }

// PinnedError is returned by Claim when the job file pins another id than the records have. It is
// ErrOtherJob.
type PinnedError struct {
	Place  string // of the records
	Pinned string // id of the job file
	Stands string // id of the records
}

// Error names both ids and what to do.
func (e *PinnedError) Error() string {
	return fmt.Sprintf("%v: the records in %s are of job id %s, the job file pins %s; pin the id of "+
		"the records, leave job.id out, or name another store", ErrOtherJob, e.Place, e.Stands,
		e.Pinned)
}

// Unwrap returns ErrOtherJob.
func (e *PinnedError) Unwrap() error { return ErrOtherJob }

// LogError is returned by Claim when the job file names another log than the one it could go on in.
// It is ErrRefused.
type LogError struct{ Text string }

// Error says which log to set.
func (e *LogError) Error() string { return ErrRefused.Error() + ": " + e.Text }

// Unwrap returns ErrRefused.
func (e *LogError) Unwrap() error { return ErrRefused }
