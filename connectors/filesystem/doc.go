// Package filesystem is the contract between wasmflow and a place where files live: a local disk,
// HDFS, an object store. Sources list and read through it, file sinks write parts through it, the
// store log publishes its records through it.
//
// It owns the contract and the rules of names. It never talks to a system itself; the
// implementations are its sub-folders, chosen by URL scheme and handed in by the command.
//
// Invariants every implementation keeps, checked by connectors/connectortest:
//
//	F1  Nothing written through CreatePending is visible under its target before Publish.
//	F2  Close of a pending writer returns only when the bytes would survive a power failure,
//	    and its token suffices to publish or discard from any other process.
//	F3  Publish is idempotent: a target of the right length is success, a target of another
//	    length is ErrConflict, target and pending both missing is ErrMissing.
//	F4  PublishExclusive has one winner among any number of racing callers.
//	F5  The first error of a writer is sticky; a failed part is never published.
//	F6  A published file is never changed by this package.
//
// Paths are absolute, slash-separated and clean, without scheme and authority.
//
// Below: nothing of this module. Above: connectors, connectors/file, connectors/bucketing,
// checkpoint/storelog, host.
package filesystem
