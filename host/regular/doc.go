// Package regular opens files of this machine that somebody names: job files, modules, captures.
//
// It owns the check that a path leads to a regular file. It never writes, follows no URL and bounds
// no length: readers do.
//
// Invariants:
//
//	F1. Nothing but a regular file is opened for reading, so no open waits for somebody at the other
//	    end of a pipe, and no device is asked for anything.
//	F2. Errors are those of package os, with the path in an *fs.PathError.
//
// It builds on every system that Go has. Where there is no O_NONBLOCK for files there are no named
// pipes among them either.
//
// Above: host/guest, host/modules, host/config and the commands. Below: nothing of the repository.
package regular
