// Package supervise runs a process, the worker, under the eyes of another, the supervisor, which
// kills a worker that is stuck and starts another in its place.
//
// It owns the two pipes between them, what a beat of the heart proves, the patience of the
// supervisor and its pauses between two workers. It never looks at what the worker does: that a
// worker may be killed at any moment, and that its successor goes on where it left off, is for the
// worker to see to.
//
// A worker is stuck when code of a guest, which the Go scheduler cannot interrupt, holds up the
// garbage collector and with it every goroutine. Nothing inside the process notices. A worker that
// waits, for a broker or for a slow disk, is not stuck: its heart beats.
//
// Invariants:
//
//	V1  A beat is sent by a process whose world could be stopped since the beat before: every
//	    goroutine has come to a point where the scheduler may take over.
//	V2  There is never more than one worker: the next one is started when the operating system
//	    has said that the one before is gone.
//	V3  A worker outlives its supervisor by no more than the time it takes to end: the system kills
//	    it where it can (Linux), and the end of the lifeline ends it everywhere.
//	V4  What a worker said before it ended is read before another one is started.
//	V5  How a worker ends by itself is how the supervisor ends. Only a worker that was killed has a
//	    successor.
//
// Below: nothing of this module. Above: cmd/wasmflow.
package supervise
