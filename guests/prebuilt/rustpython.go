package prebuilt

import (
	_ "embed" // for the engine
	"fmt"
)

// It is three quarters of the module smaller, and nobody waits for the tenth of a second: scripts
// are packed once.
//
//go:embed rustpython.wasm.zst
var rustPython []byte

// RustPython returns a copy of the engine for scripts in Python. It is no plugin by itself: a
// script has to be packed with it (host/script).
func RustPython() []byte {
	engine, err := decompressed(rustPython)
	if err != nil {
		// A test has read what is embedded.
		panic(fmt.Sprintf("prebuilt: the engine for Python: %v", err))
	}
	return engine
}
