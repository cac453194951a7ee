// Package wasm reads core WebAssembly modules that nobody has vouched for, and writes them anew
// with something appended.
//
// It owns the binary format: sections, types, indexes and the instruction stream, far enough to
// know that a module is well formed, that nothing in it claims more than its bytes hold, and
// which features it uses. The engine that compiles the module sees the bytes only afterwards,
// because its decoder allocates what a count asks for before it looks at the bytes.
//
// It never executes, never checks operand types (the engine does, once the counts are safe), and
// knows nothing of wasmflow's ABI: what a guest must import and export is host/guest's affair.
//
// Invariants:
//
//	I1  No allocation is larger than a fixed factor of the bytes that are really there: every
//	    vector count is compared with the bytes left before a slice is made.
//	I2  A section is consumed exactly; so are bodies, constant expressions and sub-sections.
//	I3  Every index is below the count of its index space as the module declares it. A rewriter
//	    that appends to index spaces can therefore not turn an invalid module into a valid one.
//	I4  A Module refers to the bytes it was parsed from and never changes them.
//	I5  Parse does not panic, whatever the bytes are.
//	I6  The writer appends to index spaces and never renumbers; what it is not told to change it
//	    copies byte for byte.
//
// The metering rewriter works on Module, Body and Instructions and re-uses the byte ranges
// recorded there. Above: host/guest, host/guest/meter. Below: nothing.
package wasm
