package specimens

import (
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// Honest is a guest to compare with: it goes round a loop so many times, and then passes its record
// on as it is. A round takes about a nanosecond.
func Honest(rounds int32) []byte {
	loop := Join([]byte{0x03, 0x40, 0x20, 0}, I32Const(1), []byte{0x6a, 0x22, 0}, I32Const(rounds),
		[]byte{0x49, 0x0d, 0}, ended) // until parameter 0, which is 0, has come to rounds
	g := Guest{
		Process: Join(loop, I32Const(OutputAt)), Data: [][]byte{DataAt(OutputAt, honest())},
	}
	return g.Module()
}
