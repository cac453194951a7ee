// Package meter rewrites a module so that its code can be bounded: in what it spends (fuel), in how
// deep it calls (stack), and in time (a flag that stops it).
//
// It owns where checks stand, what instructions cost, and the helper functions that go into a
// module. It never runs a module and knows nothing of limits: host/guest sets the globals before a
// call and reads after a trap which of them was overrun.
//
// Checks stand at the entry of functions and at the head of loops that are branched to. Each
// charges for the dearest way to the next ones. Functions that are short and straight have none,
// their callers pay; small loops are copied so that a check serves several rounds; what costs by
// an operand (bulk memory, tables, growth) charges by it, and moves large ranges in chunks.
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
//
// Above: host/guest. Below: host/guest/wasm.
package meter
