package storelog

import (
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// errSealed ends Seal's attempt to publish a record: one stands.
var errSealed = errors.New("log is closed")

// PinnedError is returned by Claim when the job file pins another id than the records have. It is
// checkpoint.ErrOtherJob.
type PinnedError struct {
	Dir    string // folder of the job
	Pinned string // id of the job file
	Stands string // id of the records
}

// Error names both ids and what to do.
func (e *PinnedError) Error() string {
	return fmt.Sprintf("%v: the records in %s are of job id %s, the job file pins %s; pin the id of "+
		"the records, leave job.id out, or name another store", checkpoint.ErrOtherJob, e.Dir,
		e.Stands, e.Pinned)
}

// Unwrap returns checkpoint.ErrOtherJob.
func (e *PinnedError) Unwrap() error { return checkpoint.ErrOtherJob }
