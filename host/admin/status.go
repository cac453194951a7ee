package admin

import "time"

// Job is what the server shows and stops. Its methods bear concurrent calls and return at once.
type Job interface {
	Status() Status
	// Stop asks the job to end: after a last epoch or, with now, without one.
	Stop(now bool)
}

// State is where a job is in its life.
type State string

// The states.
const (
	StateStarting   State = "starting" // claiming, recovering, opening
	StateRunning    State = "running"
	StateRestarting State = "restarting" // an attempt failed and the next one waits
	StateStopping   State = "stopping"   // the last epoch is on its way
	StateDone       State = "done"
	StateFailed     State = "failed"
)

// Status is the answer of GET /status. Fields may be added, none changes its meaning. Counters
// of records count since the job began, over all its processes.
type Status struct {
	Job         string     `json:"job"`
	JobID       string     `json:"job_id,omitempty"` // empty before the claim
	Version     string     `json:"version"`          // of wasmflow
	Host        string     `json:"host"`
	PID         int        `json:"pid"`
	State       State      `json:"state"`
	Error       string     `json:"error,omitempty"` // why it failed or restarts
	Started     time.Time  `json:"started"`         // of the process
	Parallelism int        `json:"parallelism"`
	Claim       uint64     `json:"claim"`
	Restarts    int        `json:"restarts"`
	Checkpoint  Checkpoint `json:"checkpoint"`
	Sources     []Source   `json:"sources"`
	Transforms  []Stage    `json:"transforms"`
	Sinks       []Stage    `json:"sinks"` // the dead-letter sink among them
	Modules     []Module   `json:"modules"`
}

// filled returns s with lists in place of null, which is friendlier to scripts.
func (s Status) filled() Status {
	if s.Sources == nil {
		s.Sources = []Source{}
	}
	if s.Transforms == nil {
		s.Transforms = []Stage{}
	}
	if s.Sinks == nil {
		s.Sinks = []Stage{}
	}
	if s.Modules == nil {
		s.Modules = []Module{}
	}
	return s
}

// Checkpoint tells about the newest decided epoch.
type Checkpoint struct {
	Epoch           uint64     `json:"epoch"`             // 0 before the first
	Decided         *time.Time `json:"decided,omitempty"` // when it was
	AgeSeconds      float64    `json:"age_seconds"`       // since then, or since the start
	DurationSeconds float64    `json:"duration_seconds"`  // from its start to the end of its commit
	Failures        int        `json:"failures"`          // in a row
}

// Source tells about one source over all tasks.
type Source struct {
	Stage
	Splits   int  `json:"splits"`        // known and not read to their end
	Finished bool `json:"finished"`      // bounded, and read to its end
	Lag      *Lag `json:"lag,omitempty"` // nil when the source cannot tell
}

// Lag is what a source has not read yet.
type Lag struct {
	Amount int64  `json:"amount"`
	Unit   string `json:"unit"` // "bytes" or "records"
}

// Stage tells about one source, transform or sink over all tasks.
type Stage struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"` // connector, or plugin.function
	RecordsIn  uint64 `json:"records_in"`
	RecordsOut uint64 `json:"records_out"`
	Bytes      uint64 `json:"bytes"` // keys and values, read or written
	Skipped    uint64 `json:"skipped"`
	Dead       uint64 `json:"dead_letters"`
}

// Module names the guest code in use.
type Module struct {
	Plugin string `json:"plugin"`
	SHA256 string `json:"sha256"`
}
