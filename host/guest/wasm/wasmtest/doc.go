// Package wasmtest builds core modules byte by byte for tests: well-formed ones that a compiler
// would not emit, and malformed ones that no compiler can.
//
// It owns the writing of sections and of the few encodings they need. It never checks what it
// writes; that is what the code under test is for. It is imported by tests and benchmarks only.
package wasmtest
