// Package generator makes records from templates: for examples, load tests and benchmarks.
//
// It owns the templates, the division of the sequence into splits and the pace. It reads nothing
// from outside but the clock.
//
// Invariants:
//
//	N1  A record depends on (seed, sequence number) alone, so a replay makes the same bytes. The
//	    one exception is {now}.
//	N2  The sequence is cut into blocks dealt out to splitCount splits in turn, whatever the
//	    number of tasks; a position is the next sequence number of its split. So a restart with
//	    another number of tasks goes on without a gap.
//	N3  A reader always goes on with the block furthest behind; one task alone makes the
//	    sequence in order.
//	N4  Nothing allocates per record.
//
// Below: connectors, connectors/position, connectors/ratelimit. Above: the command's table of
// connectors.
package generator
