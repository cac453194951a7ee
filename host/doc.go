// Package host is the engine: it plans a job, runs its tasks, drives their epochs, restarts them
// after failures, pauses them and stops them cleanly.
//
// It owns the life of a run: claim, recovery, splits, epochs, restarts, status. It never moves a
// record itself (host/task does), knows no connector by name (the command hands it the table) and
// never touches guest memory (host/guest does).
//
// Invariants:
//
//	E1  An attempt begins with a claim; only then are sinks recovered and writers opened.
//	E2  Splits are handed out and enumerations adopted only while no epoch is being prepared, so
//	    a manifest names every unfinished split exactly once.
//	E3  A failed attempt closes everything it opened before the next one claims.
//	E4  A fenced or fatal attempt is never followed by another.
//	E5  In a pause no source is polled, and once it rests all that was read is published and no
//	    transaction of a log is open. A pause stands over restarts and ends with the process.
//
// Below: host/task, host/operator, host/config, host/guest, connectors, checkpoint. Above:
// cmd/wasmflow.
package host
