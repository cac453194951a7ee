// Package checkpoint holds the words and the pure rules of exactly-once: epochs, positions,
// committables, manifests, the contract of a commit log and the state machine that drives both.
//
// Every epoch has one deciding record, written by CommitLog.Decide. Everything before it can be
// undone, everything after it can be redone.
//
// The package owns the vocabulary that sources, sinks, logs and the engine share, and the rules
// that follow from it. It never does I/O, starts no goroutine and reads no clock: machinery lives
// in its sub-folders (checkpoint/storelog) and in the host.
//
// Invariants, cited by number where code enforces them:
//
//	I1  Until its claim record is decided an owner creates, publishes and deletes nothing.
//	I2  Nothing of an epoch is discarded once Decide was called for it, except by a later claim
//	    that has read back that the epoch lost.
//	I3  At most one epoch is undecided, and Decide(e+1) starts only after Commit(e) returned.
//	I4  An epoch number is never reused; claims and epochs draw from one rising sequence.
//	I5  Commit, Abort and Recover are idempotent: any of them may run again after a crash.
//	I6  A fenced owner stops for good. It neither retries nor cleans up.
//	I7  Clean-up touches only names of lower claim numbers that no retained manifest names.
//
// Below: nothing of this module. Above: connectors (contracts of sources and sinks),
// checkpoint/storelog and checkpoint/txlog (commit logs), host (the engine).
package checkpoint
