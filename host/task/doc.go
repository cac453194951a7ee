// Package task runs one task: the loop that polls a batch from the task's splits, pushes it
// through the fused chain of functions and writes it to the sinks, in one goroutine.
//
// It owns the order of those steps, the policies for records that a function refuses, and the
// task's part of an epoch. It does not know that Wasm exists, opens nothing by itself and decides
// nothing: the engine hands it open readers, functions and writers, and tells it by commands when
// to prepare and when an epoch was committed.
//
// Invariants:
//
//	T1  Commands are obeyed at batch boundaries only, when no record is inside the chain.
//	T2  A Prepare flushes and prepares every sink before it snapshots any source, in one
//	    goroutine, so the snapshot covers exactly the records the sinks have taken.
//	T3  A record that a function refuses ends in exactly one place: the error that fails the
//	    task, the skip counter, or the dead letters of the same epoch.
//	T4  After Run returned the task's readers, functions and writers are closed, once.
//
// Below: connectors, checkpoint. Above: host.
package task
