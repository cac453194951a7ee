package checkpoint

import (
	"context"
	"fmt"
)

// Epoch numbers the decided steps of a commit group. Claims and epochs draw from the same rising
// sequence, so a number names one record of the commit log for ever. 0 is "none".
type Epoch uint64

// Position is a place in a split, written and read only by the source that owns the split.
// Version is the source's own format version; a source refuses a version it does not know.
type Position struct {
	Version uint16
	Data    []byte
}

// IsZero reports whether p says nothing, as for a split or an enumerator that never ran.
func (p Position) IsZero() bool { return p.Version == 0 && len(p.Data) == 0 }

// Split is a part of a source's input that one task reads: a file, a byte range, a partition.
// ID is its identity across restarts; two splits of one source never share an ID.
type Split struct {
	ID       string
	Position Position
}

// SourceState is what a manifest keeps of one source of the job.
type SourceState struct {
	Name       string   // the name in the job file: the identity across runs
	Enumerator Position // the seen-set and the like, as returned by Enumerate
	Splits     []Split  // every known unfinished split, assigned to a task or not
	Finished   bool     // the source is bounded, enumerated to the end, and every split is read
}

// Committable is enough to finish the commit of one piece of output in another process.
type Committable struct {
	Sink    string // name of the sink in the job file
	Task    int    // task that wrote it
	Epoch   Epoch  // epoch that decides it
	Claim   uint64 // claim number of the writing owner
	Version uint16 // the sink's own format version of Data
	Data    []byte
	// Optional says that no record is in it: it may go when its sink leaves the job file.
	Optional bool
}

// Module names the guest code that produced an epoch.
type Module struct {
	Plugin string // name in the job file
	SHA256 string // hex digest of the module bytes as loaded
	Config []byte // JSON handed to open
	// Offer is the digest of the module and configuration that the job file named meanwhile, where
	// that is something else: it was looked at, and another offer is something new.
	Offer string
}

// StateHandle points at durable keyed state of one task. No job writes one yet; the field exists
// so that manifests written now stay readable when state arrives.
type StateHandle struct {
	Task    int
	Version uint16
	Data    []byte
}

// Count is what one stage has counted.
type Count struct {
	In      uint64 `json:"in"`           // records that entered
	InBytes uint64 `json:"in_bytes"`     // bytes of their keys and values, at sources and sinks
	Out     uint64 `json:"out"`          // records that left
	Skipped uint64 `json:"skipped"`      // refused and skipped
	Dead    uint64 `json:"dead_letters"` // refused and sent to the dead letters
}

// Add returns the sum of both.
func (c Count) Add(o Count) Count {
	return Count{
		In: c.In + o.In, InBytes: c.InBytes + o.InBytes, Out: c.Out + o.Out,
		Skipped: c.Skipped + o.Skipped, Dead: c.Dead + o.Dead,
	}
}

// Kind tells what a log record is.
type Kind string

// The kinds of log records.
const (
	KindClaim Kind = "claim" // an owner took over; carries the last manifest unchanged
	KindEpoch Kind = "epoch" // an epoch was decided
	KindSeal  Kind = "seal"  // the log moved elsewhere; Log names the new one
)

// Owner identifies one claim on a job. Number rises by one with every start or takeover and is
// durable and job-wide; Nonce makes two claims of equal number distinguishable.
type Owner struct {
	Number uint64
	Nonce  string // 8 hex digits
	Host   string // for messages only
	PID    int    // for messages only
}

// String formats o for messages: "claim 7 (1f00ba12) by pid 411 on host".
func (o Owner) String() string {
	return fmt.Sprintf("claim %d (%s) by pid %d on %s", o.Number, o.Nonce, o.PID, o.Host)
}

// Manifest is the content of one log record: all that another process needs to go on.
type Manifest struct {
	Kind        Kind
	Epoch       Epoch  // number of the record: decided work for an epoch, a place for the others
	Previous    Epoch  // the decided epoch that stood before in this log; 0 is none
	JobID       string // random, made at the first claim
	JobName     string
	Owner       Owner
	Parallelism int           // tasks of the generation that wrote it
	Generation  uint64        // rises when mode or parallelism changes
	Log         string        // the log in use: "store" or "kafka:<sink>"; for a seal the new one
	Sources     []SourceState // sorted by name
	// Committables of the newest decided epoch: the ones a new owner must Recover.
	Committables []Committable
	// Held are parts that are durable but deliberately not published yet; they travel from
	// manifest to manifest until a Settler publishes or replaces them.
	Held    []Committable
	State   []StateHandle
	Modules []Module // sorted by plugin
	// Counts are what every stage has counted in all decided epochs of the job, by name of the
	// source, transform or sink: exact, because they are decided with the records they count.
	Counts map[string]Count
	// CreatedMillis is the wall clock of the writer, Unix milliseconds, for people only.
	CreatedMillis int64
}

// Tx is an open transaction of a commit log that a sink may join through its WriterContext.
// The store log has none and hands out nil.
type Tx interface {
	// Epoch returns the epoch the transaction will decide.
	Epoch() Epoch
}

// CommitLog is where the one deciding record of an epoch is written.
//
// Claim comes first and fences every earlier owner; only after it returned may sinks Recover
// and writers open (I1). Implementations are used by one goroutine at a time.
type CommitLog interface {
	// Claim fences, reads the last manifest, publishes a claim record carrying it and returns
	// it. The bool is false for a job that never ran. Owner is valid afterwards.
	Claim(ctx context.Context) (Manifest, bool, error)
	// Owner returns this process's claim.
	Owner() Owner
	// Retained returns what Recover of a committer must leave alone. It is valid after Claim.
	Retained(ctx context.Context) (Retained, error)
	// Begin opens the work of epoch e. Sinks that can join get the Tx in their WriterContext.
	Begin(ctx context.Context, e Epoch) (Tx, error)
	// Decide writes the deciding record of m.Epoch: the commit point. A nil return means
	// decided and durable. ErrFenced is terminal, and the newer owner alone knows whether the
	// epoch stands. ErrOutcomeUnknown means the record may or may not stand: claim again and
	// read back. ErrEpochLost means that it does not stand and never will. After any other
	// error Decide may be called again with the same manifest. Every error names the epoch.
	Decide(ctx context.Context, m Manifest) error
	// Applied notes, best effort, that Commit(e) returned for every committable of e.
	Applied(ctx context.Context, e Epoch) error
	// Close releases what the log holds. It decides nothing.
	Close() error
}

// Preparer is the ability of a sink's writer to take part in epochs.
type Preparer interface {
	// Prepare makes everything written so far durable and invisible, and returns what is
	// needed to publish it. From its return on, Commit of the result must be able to succeed
	// in any process. The writer goes on with the next epoch.
	Prepare(ctx context.Context, e Epoch) ([]Committable, error)
}

// Committer publishes prepared output. There is one per sink and commit group, opened before any
// writer; it sees the committables of all owners, also of tasks that no longer exist.
type Committer interface {
	// Commit publishes. Already published is success, lost is a loud error (I5).
	Commit(ctx context.Context, cs []Committable) error
	// Abort throws prepared output away. Unknown is success (I5). Called only for epochs for
	// which Decide was never called, or by a claim that has read back that the epoch lost (I2).
	Abort(ctx context.Context, cs []Committable) error
	// Recover runs after a claim and before the first Write: it finishes the committables of
	// the last decided epoch and removes strays of lower claims that keep does not name (I7).
	Recover(ctx context.Context, committed []Committable, keep Retained) error
	// Close releases resources; it publishes and discards nothing.
	Close() error
}

// Settler is the ability of a Committer to hold prepared output back, and to join pieces of it,
// before it is published. It sees the output of all tasks of an epoch, so it may join across them.
type Settler interface {
	// Settles tells, after Recover, whether Settle wants to see every epoch.
	Settles() bool
	// Settle takes what the writers prepared for an epoch and returns what the epoch publishes
	// and what stays held, everything that was held before included. It is called once per epoch
	// before Decide, while the tasks work on. Until the epoch is decided it may remove nothing
	// that prepared or an earlier epoch names (I2); what it makes itself is a stray if it is not.
	// With final no output may stay held: no epoch follows in this run.
	Settle(ctx context.Context, e Epoch, final bool, prepared []Committable) (
		publish, hold []Committable, err error)
}

// Retained tells a Committer what clean-up must leave alone.
type Retained struct {
	Claim uint64        // own claim number: only lower ones may be cleaned
	Named []Committable // every committable and held part of every retained manifest
	Held  []Committable // held parts of the last manifest, which a Settler goes on with
	// Applied is the highest epoch known to be committed completely. A committable of that or
	// an earlier epoch whose output is missing was published and removed by someone later, and
	// is not published again: a power failure may have brought its pending name back.
	Applied Epoch
	// Accepted are the final names whose loss a person has accepted: missing output of these
	// is no error.
	Accepted []string
}

// Verifier is the ability of a Committer to tell, changing nothing, whether committed output is
// published or can still be.
type Verifier interface {
	Verify(ctx context.Context, committed []Committable, keep Retained) ([]Finding, error)
}

// Severity grades a finding.
type Severity string

// The severities.
const (
	Note    Severity = "note"    // worth knowing; the job runs
	Problem Severity = "problem" // the job will not start, or has lost something
)

// Finding is one thing that a check of durable data found.
type Finding struct {
	Severity Severity
	Subject  string // the file, record or output it is about
	Text     string // what is the matter
	Remedy   string // what to do; empty when nothing needs doing
}

// String formats f for people.
func (f Finding) String() string {
	s := fmt.Sprintf("%s: %s: %s", f.Severity, f.Subject, f.Text)
	if f.Remedy != "" {
		s += "; " + f.Remedy
	}
	return s
}
