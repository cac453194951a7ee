package connectors

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// ErrEndOfInput is returned by SourceReader.Poll, with an empty batch, when every split given to
// the reader so far is read to its end. More splits may be added afterwards.
var ErrEndOfInput = errors.New("end of input")

// Env is what the host lends to every source and sink. The fields are safe for concurrent use.
type Env struct {
	Job         string // the job's name
	JobID       string // empty before the claim (validate, dry-run)
	Name        string // name of the source or sink in the job file
	Parallelism int    // tasks of the job
	Logger      *slog.Logger
	Registerer  prometheus.Registerer // labels job and name are already set
	Now         func() time.Time
	FileSystems filesystem.Resolver
}

// Enumeration is the answer of Source.Enumerate.
type Enumeration struct {
	Found []checkpoint.Split  // new splits, in the order in which they should be read
	State checkpoint.Position // adopted in the same epoch in which Found enters the manifest
	Done  bool                // nothing more will ever be found: the source is bounded
	// Again is how long to wait before asking again. A source that is Done is asked again to look
	// after what it found: its answers bring nothing, and an error ends the attempt. It is not asked
	// when Done and Again is 0.
	Again time.Duration
}

// Source finds splits and opens readers for them.
type Source interface {
	// Enumerate looks for splits that state does not know. The zero state is a first start. It
	// runs on one goroutine, never concurrently with itself. An error that Classify calls
	// retryable is retried; an empty answer is no error.
	Enumerate(ctx context.Context, state checkpoint.Position) (Enumeration, error)
	// OpenReader opens the reader of one task, without splits.
	OpenReader(ctx context.Context, rc ReaderContext) (SourceReader, error)
	// Close releases what the source holds, after all its readers are closed.
	Close() error
}

// ReaderContext says for which task a reader is opened.
type ReaderContext struct {
	Task   int // 0 .. Env.Parallelism-1
	Limits Limits
}

// SourceReader reads the splits of one task (C1).
type SourceReader interface {
	// AddSplits hands splits to the reader. They are read in the given order unless the source
	// reads several at once.
	AddSplits(ctx context.Context, splits []checkpoint.Split) error
	// Poll appends to dst, which is empty, up to the reader's limits. With nothing at hand it
	// waits at most the linger and returns an empty batch. ErrEndOfInput says that all splits
	// are read. Lent bytes stay valid until the next Poll (C2).
	Poll(ctx context.Context, dst *Batch) error
	// Snapshot returns the unfinished splits, each at the position after the last record that
	// Poll returned (C4). Finished splits are left out. epoch is the one that will decide them.
	Snapshot(ctx context.Context, epoch checkpoint.Epoch) ([]checkpoint.Split, error)
	Close() error
}

// CommitListener is the ability of a reader to hear, in its task's goroutine, that an epoch it
// took a Snapshot for is decided and committed: to acknowledge messages or to commit offsets.
type CommitListener interface {
	OnCommitted(ctx context.Context, epoch checkpoint.Epoch) error
}

// Guarantee is the best a source or a sink can do.
type Guarantee string

// The guarantees, from strongest to weakest.
const (
	ExactlyOnce Guarantee = "exactly-once"
	AtLeastOnce Guarantee = "at-least-once" // records may be doubled after a crash
	AtMostOnce  Guarantee = "at-most-once"  // records may be lost after a crash
)

// Assigner is the ability of a source to say which task reads a split. Splits it does not place
// are handed out one at a time to tasks that have nothing left to read, so a source whose splits
// never end must place them.
type Assigner interface {
	// AssignTask returns the task for the split, below parallelism, or false to have it handed
	// out on demand. The answer depends on its arguments alone.
	AssignTask(splitID string, parallelism int) (task int, ok bool)
}

// LagReporter is the ability of a Source to tell how much of its input is not read yet.
type LagReporter interface {
	// Lag returns what lies behind the positions of splits, and its unit: "bytes" or "records".
	// It is for people and may be an estimate. It is called after every epoch, so it is quick.
	Lag(ctx context.Context, splits []checkpoint.Split) (amount int64, unit string, err error)
}
