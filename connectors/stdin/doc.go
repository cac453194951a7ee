// Package stdin is a source that reads delimited records from standard input, so that a job can
// stand in a pipe.
//
// It owns the one goroutine that reads standard input and the queue behind it.
//
// Invariants:
//
//	P1  One source at a time reads an input, and of it one reader: there is one split.
//	P2  The goroutine never holds more than queueChunks chunks that nobody has taken.
//	P3  What was read but not polled stays with the input: the next attempt of a job in the same
//	    process goes on with it.
//	P4  Every start of a reader begins a new run, so a record's place names it for ever although
//	    the input cannot be read again.
//
// Below: connectors, connectors/position, connectors/format/delimited. Above: the command's table
// of connectors.
package stdin
