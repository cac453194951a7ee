// Package connectors holds the contracts between the engine and everything that moves or changes
// records: batches, sources, sinks, functions, and the description a connector gives of itself.
//
// It owns the words and the rules of ownership. It never talks to a system, never schedules and
// knows no connector by name; connectors live in its sub-folders, one per system, and never
// import each other.
//
// Invariants:
//
//	C1  A reader, a writer and a function instance belong to one task and are called by its one
//	    goroutine only. Sources, sinks and committers must bear concurrent calls.
//	C2  Bytes reached through a Record are valid until the Batch that holds it is Reset or, where
//	    a source lends them, until its next Poll. Whoever keeps them longer copies them.
//	C3  The consumers of a batch never change it: several may read the same one.
//	C4  Snapshot covers exactly the records that Poll has returned, no more and no fewer.
//	C5  A nil Key or Value is a null; an empty one is an empty string of bytes.
//	C6  (Split, Position, Ordinal) names a record for ever and is the same in every replay.
//
// Below: checkpoint, connectors/filesystem. Above: the connectors, host/operator, host/task, host.
package connectors
