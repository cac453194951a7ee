package admin

import "time"

// Job is what the server shows and steers. Its methods bear concurrent calls and return at once.
type Job interface {
	Status() Status
	// Stop asks the job to end: after a last epoch or, with now, without one.
	Stop(now bool)
	// Pause and Resume ask the job to hold its sources, and to go on.
	Pause()
	Resume()
}

// State is where a job is in its life.
type State string

// The states.
const (
	StateStarting   State = "starting" // claiming, recovering, opening
	StateRunning    State = "running"
	StatePausing    State = "pausing"    // nothing is read, what was read is on its way
	StatePaused     State = "paused"     // nothing is read, everything is published
	StateRestarting State = "restarting" // an attempt failed and the next one waits
	StateStopping   State = "stopping"   // the last epoch is on its way
	StateDone       State = "done"
	StateFailed     State = "failed"
)

// Values implements Valued.
func (State) Values() []string {
	return []string{
		string(StateStarting), string(StateRunning), string(StatePausing), string(StatePaused),
		string(StateRestarting), string(StateStopping), string(StateDone), string(StateFailed),
	}
}

// Status is the answer of GET /status. Fields may be added, none changes its meaning. Counters
// of records count since the job began, over all its processes.
type Status struct {
	Job         string     `json:"job"`
	JobID       string     `json:"job_id,omitempty" doc:"Empty before the claim."`
	Version     string     `json:"version" doc:"Of wasmflow."`
	Host        string     `json:"host"`
	PID         int        `json:"pid"`
	State       State      `json:"state"`
	Error       string     `json:"error,omitempty" doc:"Why it failed or restarts."`
	Started     time.Time  `json:"started" doc:"Of the process."`
	Parallelism int        `json:"parallelism"`
	Claim       uint64     `json:"claim"`
	Restarts    int        `json:"restarts"`
	Checkpoint  Checkpoint `json:"checkpoint"`
	Sources     []Source   `json:"sources"`
	Transforms  []Stage    `json:"transforms"`
	Sinks       []Stage    `json:"sinks" doc:"The dead-letter sink among them."`
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
	Epoch           uint64     `json:"epoch" doc:"0 before the first."`
	Decided         *time.Time `json:"decided,omitempty" doc:"When it was decided."`
	AgeSeconds      float64    `json:"age_seconds" doc:"Since the decision, or since the start of the tasks."`
	DurationSeconds float64    `json:"duration_seconds" doc:"From its start to the end of its commit."`
	Failures        int        `json:"failures" doc:"Failures in a row since the decision."`
}

// Source tells about one source over all tasks.
type Source struct {
	Stage
	Splits   int  `json:"splits" doc:"Splits that are known and not read to their end."`
	Finished bool `json:"finished" doc:"Bounded, and read to its end."`
	Lag      *Lag `json:"lag,omitempty" doc:"Missing when the source cannot tell."`
}

// Lag is what a source has not read yet.
type Lag struct {
	Amount int64  `json:"amount"`
	Unit   string `json:"unit" doc:"'bytes' or 'records'."`
}

// Stage tells about one source, transform or sink over all tasks.
type Stage struct {
	Name       string `json:"name"`
	Kind       string `json:"kind" doc:"Connector, or plugin.function."`
	RecordsIn  uint64 `json:"records_in"`
	RecordsOut uint64 `json:"records_out"`
	Bytes      uint64 `json:"bytes" doc:"Keys and values, read or written."`
	Skipped    uint64 `json:"skipped"`
	Dead       uint64 `json:"dead_letters"`
}

// Module names the guest code in use.
type Module struct {
	Plugin string `json:"plugin"`
	SHA256 string `json:"sha256"`
}
