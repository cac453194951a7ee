// Package simulation runs the protocol of checkpoints in one goroutine, with everything that can
// go wrong chosen by a seed, and judges what came out.
//
// What runs is the real thing where it matters: checkpoint.Machine, storelog, txlog and
// connectors/filesystem/local. What is modelled is around them: a disk whose power can be cut
// (fstest), a broker (checkpointtest/broker), tasks, a source whose input is trimmed by
// acknowledgements, a sink that publishes files in two phases, a sink that joins the log's
// transaction, processes, a consumer that takes published files away.
//
// Each process is a coroutine that yields before every call to disk or broker, so any two processes
// interleave at any call: a stopped process wakes after a takeover in the middle of a publication,
// several owners run at once, processes die and start again with another number of tasks or with
// another log, the power fails, the broker is away, calls fail, calls succeed and their reply is
// lost, requests arrive long after their sender died.
//
// The judge wants every record exactly once, in order within its split, visible files that never
// change, input that is never trimmed too early, and an end: the job must finish once the faults
// stop.
//
// A Bug is a fault put into the model on purpose. A judge that does not catch each of them proves
// nothing; a test holds that it does.
//
// Invariants:
//
//	M1  The same seed gives the same run, event for event.
//	M2  Production code is not changed for a Bug: bugs live in the models and in wrappers.
//
// Below: checkpoint, storelog, txlog, broker, fstest, local. Above: its tests.
package simulation
