package txlog

import (
	"context"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// Session is one transactional producer together with the topic that holds the commit records.
// The log drives it from one goroutine at a time. Sinks of the log produce through the Tx that
// Begin returns, from their own goroutines.
//
// The implementation for Kafka is in connectors/kafka; the simulation has a modelled one.
type Session interface {
	// Fence makes this session the only one that can write under the job's transactional id. It
	// ends the open transaction of whoever held the id and fences that holder for good. Every
	// claim begins with it, also of a session that was fenced or failed before, which is usable
	// again afterwards.
	Fence(ctx context.Context) error
	// ReadBack hands the committed records of the topic to each, newest first, until each returns
	// false or no older one is left. What it sees after Fence has returned includes every record
	// that was ever committed before that Fence. Otherwise records whose transaction has only just
	// ended may still be missing, and it never waits for an open transaction. The bytes are the
	// callee's. It needs no Fence before it and fences nobody.
	ReadBack(ctx context.Context, each func(record []byte) (more bool)) error
	// Begin opens the transaction of epoch e. Records that sinks staged for e meanwhile go first.
	Begin(ctx context.Context, e checkpoint.Epoch) (checkpoint.Tx, error)
	// Append puts a record for the commits topic into the open transaction. A failed delivery
	// may surface in Commit only.
	Append(ctx context.Context, record []byte) error
	// Commit waits until every record of the transaction is acknowledged, the appended one
	// included, and commits. nil means that all of them stand. An error wraps
	// checkpoint.ErrFenced when the broker says that another session holds the id, and
	// ErrNotCommitted when nothing of the transaction will ever be seen. After any other error
	// the outcome is unknown until the next Fence has returned.
	Commit(ctx context.Context) error
	// Abort ends the open transaction without effect. Aborting when none is open does nothing.
	Abort(ctx context.Context) error
	// Close aborts a transaction that is open and whose outcome is not in doubt, so that readers
	// are not held up, and releases the producer.
	Close() error
}

// Placed is the ability of a Session to name its topic, for messages.
type Placed interface {
	Topic() string
}
