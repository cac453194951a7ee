// Package runlock is the lock and the visiting card of the process that runs a job whose store is
// on a local disk.
//
// It owns one file: flock(2) on it says that a process lives, its content says which and where its
// admin server listens. It is a courtesy that gives a clear message; it never keeps two owners
// apart, the commit log does. The kernel drops the lock with the process, so nothing is left to
// clean after a kill -9.
//
// Invariants:
//
//	R1  A lock counts only while the path still leads to the locked file: a takeover puts a new
//	    file there, and the old holder keeps a lock on a file that nobody asks any more.
//	R2  The content is advice. It may be stale or torn, and readers bear that.
//
// Below: checkpoint (ErrBusy). Above: cmd, which gives a Lock to storelog.Options and reads the
// card for `status`.
package runlock
