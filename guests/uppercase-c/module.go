package uppercasec

import _ "embed" // for the module

//go:embed uppercase_c.wasm
var module string

//go:embed uppercase_c_scalar.wasm
var scalar string

// Module returns a copy of the guest's bytes.
func Module() []byte { return []byte(module) }

// Scalar returns a copy of the bytes of the same guest built without vector instructions.
func Scalar() []byte { return []byte(scalar) }

// Function is the name of the transform in the guest's description.
const Function = "uppercase"

// BenchLoop is an export beside those of the ABI, (rounds i32) -> i32. It upper-cases the values of
// the frame in the reserved region, rounds times over, writes no output and returns how many bytes
// it went over, modulo 2^32. A benchmark calls it to know what the guest's own work costs.
const BenchLoop = "bench_loop"
