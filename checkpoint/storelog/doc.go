// Package storelog is the commit log in a checkpoint store: a folder on any file system that can
// publish a name exclusively.
//
// A job has one folder, <store>/<job name>/:
//
//	epoch-000000000042     records of claims and epochs, published exclusively, never changed
//	applied-000000000042   epoch 42 is committed completely (best effort)
//	job                    job id, log in use, last epoch: a hint for refusing
//	modules/<sha256>-<claim>  bytes of guest modules
//	accepted/<hash>        a lost output that a person accepted
//	run                    lock and address of the process that runs (package runlock)
//
// The publication of epoch-<n> with complete content is the decision. A claim publishes the next
// number too, carrying the last manifest, so that an older owner's Decide meets a taken name.
//
// JobStore is the folder without the records: what a log whose records are elsewhere keeps here,
// too.
//
// The package owns names, formats and rules of that folder. It never touches output of sinks and
// never writes a name twice, except hints.
//
// Invariants beside those of package checkpoint:
//
//	S1  The record with the highest number is the truth; all others are history.
//	S2  Who published a record asks afterwards whether a higher one stands. If so it is fenced,
//	    and its record counts for nothing: the name had been freed by retention.
//	S3  A failed publication is settled by reading the name: my nonce is my record.
//	S4  A log that held its job claims again only over records of its own.
//	S5  Hints and marks are written after the fact and never decide anything. Only the first hint of
//	    a job comes before its first record, published exclusively, so that all processes that begin
//	    the job agree on its id and its log.
//	S6  Bytes of a module are durable under the owner's own claim number before an epoch that
//	    names them is decided; no older owner may delete those.
//
// Below: checkpoint, checkpoint/failpoint, connectors/filesystem. Above: host, cmd.
package storelog
