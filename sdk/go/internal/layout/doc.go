// Package layout is the memory layout of ABI v1 as Go structs, for code that reads and writes
// frames in place.
//
// It owns sizes, numbers and field order, and nothing that acts. The structs have no padding and
// are read where they stand, so the machine must be little-endian, as WebAssembly is.
//
// Invariant: every field stands at the offset that abi/SPEC.md gives it; a test compares.
package layout
