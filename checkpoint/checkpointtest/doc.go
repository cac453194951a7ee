// Package checkpointtest holds what commit logs, sinks and the engine are tested with: the
// conformance suite of commit logs, the checker of output, and the runner that kills real
// processes.
//
//   - RunLog is the contract of checkpoint.CommitLog as a suite; every log passes it.
//   - Sequence checks that output holds every record exactly once, in order per split, and that
//     what was visible never changes.
//   - Chaos runs a job as real processes, kills, stops and overtakes them at random moments or at
//     named failpoints, and hands what is left to a checker. Its ends are pluggable: files now,
//     other systems with the same few functions.
//
// The simulation of the protocol with seeds is the sub-folder simulation.
//
// The package owns how exactly-once is proved. It never knows a connector: what it needs of one
// comes in as a function.
//
// Below: checkpoint, checkpoint/failpoint. Above: tests only.
package checkpointtest
