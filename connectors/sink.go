package connectors

import (
	"context"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Sink opens writers. Optional ability of a sink: CommitterOpener. Optional abilities of a
// writer: checkpoint.Preparer, TimeListener, PartitionCounter.
type Sink interface {
	// OpenWriter opens the writer of one task, after Recover of the sink's committer.
	OpenWriter(ctx context.Context, wc WriterContext) (SinkWriter, error)
	// Close releases what the sink holds, after all its writers are closed.
	Close() error
}

// CommitterOpener is the ability of a sink whose writers prepare output.
type CommitterOpener interface {
	// OpenCommitter opens the one committer of the sink in this commit group.
	OpenCommitter(ctx context.Context, cc CommitterContext) (checkpoint.Committer, error)
}

// CommitterContext says for which owner a committer is opened.
type CommitterContext struct {
	Owner checkpoint.Owner
}

// WriterContext says for which task and owner a writer is opened.
type WriterContext struct {
	Task  int // 0 .. Env.Parallelism-1
	Owner checkpoint.Owner
	// Tx is the commit log's transaction, for sinks that join it; nil otherwise. It is that of the
	// first epoch when the writer is opened and becomes that of each later epoch when the log
	// begins it, so the writer keeps it for its whole life.
	Tx checkpoint.Tx
	// Bucketer is the guest function that names buckets, or nil.
	Bucketer BucketAssigner
	// Faults receives records that the writer itself must refuse, such as one whose bucket name
	// leaves the root. It may be called during Write only.
	Faults func(r *Record, f Fault) error
}

// SinkWriter writes the records of one task (C1).
type SinkWriter interface {
	// Write takes b's records in order. It may keep none of b's bytes after it returned (C2).
	Write(ctx context.Context, b *Batch) error
	// Flush pushes buffered records out. A writer that is no Preparer must have handed
	// everything to the system when Flush returns: the epoch is decided next.
	Flush(ctx context.Context) error
	// Close releases the writer. Output that was prepared stays; output that was not prepared
	// may be thrown away. Close is idempotent.
	Close() error
}

// PartitionCounter is the ability of a writer whose records a function of the job may place.
type PartitionCounter interface {
	// Partitions returns how many partitions there are to choose from for records of target, ""
	// being those without one. It is asked for every batch, so it answers from memory.
	Partitions(ctx context.Context, target string) (int32, error)
}

// TimeListener is the ability of a writer to act on time between batches: rolling old files,
// flushing lingering data. The task calls it between batches, at least every TimeListenerMax.
type TimeListener interface {
	OnTime(ctx context.Context, now time.Time) error
}

// TimeListenerMax is the longest time between two OnTime calls of an idle task.
const TimeListenerMax = 100 * time.Millisecond
