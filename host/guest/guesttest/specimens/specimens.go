package specimens

import (
	"math"
	"slices"

	"github.com/wasmflow/wasmflow/abi"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// Specimen is one module of the corpus.
type Specimen struct {
	// Name is unique.
	Name   string
	Module []byte
	// Text has to be in what the user is told; "" where the attack may also come to nothing.
	Text string
}

// Function is the function of each specimen, a transform.
const Function = "f0"

// TableElements is the limit on tables that specimens are to be run with: some are made to be just
// above it.
const TableElements = 1 << 16

// All returns the corpus.
func All() []Specimen {
	return slices.Concat(loops(), trees(), recursions(), features(), memories(), bombs(), tables(),
		sizes(), steps(), answers(), arguments())
}

const (
	// most is the largest count, length and address there is.
	most = math.MaxUint32
	// memorySize is what the memory of a specimen begins with.
	memorySize = 1 << 20
)

// doing is a guest whose process runs some code and then answers with nothing.
func doing(code []byte) Guest { return Guest{Process: Join(code, I32Const(0))} }

// packed is the answer of an export that returns bytes.
func packed(ptr, size uint32) []byte { return I64Const(int64(abi.Pack(ptr, size))) }
