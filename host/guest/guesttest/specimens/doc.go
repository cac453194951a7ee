// Package specimens is a corpus of modules that turn on the host: the same attacks at every step of
// a guest's life, in every shape of code, with every number in every field.
//
// It owns how they are generated and what the user has to be told of each. It never runs them. The
// attacks that need more than a row of likes stand in guests/hostile, with what has to become of
// each. It is imported by tests and benchmarks only.
//
// Invariants:
//
//	S1  Names are unique, and a name means the same module each time.
//	S2  A specimen needs no configuration and shows itself with the first record.
//
// Below: abi, host/guest/wasm/wasmtest. Above: tests of guests/hostile, bench/hostile.
package specimens
