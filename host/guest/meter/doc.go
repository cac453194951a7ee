// Package meter rewrites a module so that its code can be bounded: in what it spends (fuel), in how
// deep it calls (stack), and in time (a flag that stops it).
//
// It owns where checks stand, what instructions cost, and the helper functions that go into a
// module. It never runs a module and knows nothing of limits: host/guest sets the globals before a
// call and reads after a trap which of them was overrun.
//
// Checks stand in functions, in front of the first thing that may go on for long, and at the head
// of loops that are branched to. Each charges for the dearest way to the next ones. Callers pay for
// the ways that do not lead over a function's check, and for all of functions that are short and
// straight, which have none. Small loops are copied so that a check serves several rounds. What
// costs by an operand (bulk memory, tables, growth) charges by it; large ranges move in chunks.
//
// Invariants:
//
//	M1  Nothing is renumbered: the rewriter appends to index spaces and never inserts.
//	M2  Between two checks no more runs than has been charged, at any time, by whatever way.
//	M3  No way through the code is without an end and without a check.
//	M4  A module does the same as before, result for result and byte for byte of memory, until a
//	    limit stops it; only how deep it can recurse differs.
//	M5  An invalid module stays invalid: every index was held against the original counts by
//	    wasm.Parse, and no section is added that validates something (no memory, no data count).
//	M6  No instruction keeps the host waiting: bulk memory leaves to it every chunkBytes, and
//	    tables are capped by host/guest.
//	M7  The same module gives the same bytes, and the same input spends the same fuel.
//	M8  At the entry of a function GlobalDepth is the stack that is left to recursive functions.
//	    They take their frame off that, trap if it was too large, and set the rest before each call
//	    that may lead to one again, so what calls made before have left there does not count. All
//	    other functions leave it as it was: they save it around calls of recursive ones. So on any
//	    stack the frames of recursive functions that have called come to no more than the host has
//	    set; those of others are no more than there are functions between two of them. What the
//	    estimate of a frame is wrong by is bounded by the engine's own end of the stack.
//
// Above: host/guest. Below: host/guest/wasm.
package meter
