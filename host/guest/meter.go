package guest

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// Meter bounds what the code of a guest may cost. A Runtime without one runs guests unbounded.
//
// It takes part at three points: it rewrites a module between the pre-pass and the compiler, finds
// its own exports in each new instance, and is asked before every call and after every trap.
type Meter interface {
	// Version names the rewriting. It is part of the key of the compilation cache.
	Version() string
	// Rewrite returns the module with checks in it. m was parsed from module, which has passed
	// the pre-pass and has no custom sections but function names.
	Rewrite(m *wasm.Module, module []byte) ([]byte, error)
	// Attach prepares the budget of a new instance.
	Attach(globals Globals) (Budget, error)
}

// Globals gives access to the exported globals of an instance.
type Globals interface {
	// Global returns an exported mutable global, or false.
	Global(name string) (Global, bool)
}

// Global is one mutable global of an instance, as its 64 bits.
type Global interface {
	Get() uint64
	Set(uint64)
}

// Budget is what one instance may spend.
type Budget interface {
	// Arm is called before every call into the guest.
	Arm()
	// Exceeded is called after a trap and names the limit that caused it, or "".
	Exceeded() string
}
