package txlog

import (
	"context"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Store is the job's folder in the checkpoint store, where the log keeps what is no record.
// storelog.JobStore is one.
type Store interface {
	// Lock takes the courtesy lock or returns an error that wraps checkpoint.ErrBusy.
	Lock(ctx context.Context, takeover bool) error
	// Unlock gives it back. Unlocking what is not locked does nothing.
	Unlock() error

	// Hint returns what the store remembers of the job; false is nothing.
	Hint(ctx context.Context) (checkpoint.Hint, bool, error)
	// Introduce writes the first hint and returns the one that stands afterwards.
	Introduce(ctx context.Context, h checkpoint.Hint) (checkpoint.Hint, error)
	// Remember replaces the hint.
	Remember(ctx context.Context, h checkpoint.Hint) error
	// Renew replaces the hint when it lags far behind.
	Renew(ctx context.Context, h checkpoint.Hint) error

	// MarkApplied writes that epoch e is committed completely.
	MarkApplied(ctx context.Context, e checkpoint.Epoch, claim uint64) error
	// HighestApplied returns the highest epoch with such a mark; 0 is none.
	HighestApplied(ctx context.Context) (checkpoint.Epoch, error)
	// IsApplied tells whether epoch e has one.
	IsApplied(ctx context.Context, e checkpoint.Epoch) (bool, error)
	// RemoveMarks removes the marks below e, but for those that keeps accepts.
	RemoveMarks(ctx context.Context, e checkpoint.Epoch, keeps func(checkpoint.Epoch) bool) error

	// Accepted returns the final names whose loss a person accepted.
	Accepted(ctx context.Context) ([]string, error)

	// StoreModule keeps a module's bytes under a claim number and returns their digest.
	StoreModule(ctx context.Context, claim uint64, module []byte) (sha256 string, err error)
	// HasModule tells whether StoreModule stored it under that claim.
	HasModule(claim uint64, sha256 string) bool
	// RetainModules removes bytes of this and lower claims that named does not hold.
	RetainModules(ctx context.Context, claim uint64, named map[string]struct{}) error
	// RemoveLeftovers removes what crashed processes left half-written.
	RemoveLeftovers(ctx context.Context, now time.Time) error
}

// Options say whose log it is and how to start.
type Options struct {
	Session  Session
	Store    Store
	Name     string // of this log: "kafka:<sink>"
	Job      string // name of the job
	JobID    string // id the job file pins; empty for any
	Host     string // of the owner, for messages
	PID      int    // of the owner, for messages
	Retain   int    // decided epochs whose modules and marks are kept; 0 is DefaultRetain
	Takeover bool   // go on although another process holds the lock
	// Adopt takes over a log that has a job id although the store knows no job.
	Adopt bool
	// Previous opens the log of that name, which the job used before, to seal it; nil is that a
	// job cannot change to this log. The log that calls it closes what it returns.
	Previous checkpoint.OpenPrevious
	Logger   *slog.Logger // for clean-up that did not work; nil is slog.Default

	// Fresh and Restore change what the first Claim carries; later claims of the same Log go
	// on from there. Fresh drops positions, state and counts and keeps the job's identity and the
	// output that is decided. Restore carries the decided epoch of that number.
	Fresh   bool
	Restore checkpoint.Epoch

	Now    func() time.Time                                 // default time.Now
	Sleep  func(ctx context.Context, d time.Duration) error // default a timer
	Jitter func(limit time.Duration) time.Duration          // default random, below limit
	Nonce  func() string                                    // 8 hex digits, different each time
	NewID  func() string                                    // id of a new job; default random
}

// DefaultRetain is how many decided epochs count as retained when the job file says nothing. Older
// ones can be gone back to for as long as the topic still has them and their modules stand.
const DefaultRetain = 3
