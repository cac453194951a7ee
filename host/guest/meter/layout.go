package meter

import (
	"fmt"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// Names of the globals that the rewriter exports for the host, who sets all of them before each
// call and reads them after a trap.
const (
	// GlobalFuel (i64) is what may be spent before the guest leaves to the host.
	GlobalFuel = "wasmflow.fuel"
	// GlobalBudget (i64) is what may be spent in further slices. What is left is their sum: it is
	// below 0 once the guest was stopped for it.
	GlobalBudget = "wasmflow.budget"
	// GlobalStop (i32) is Stop to end the call at the next slice, from any goroutine; the guest
	// makes it Stopped when it does.
	GlobalStop = "wasmflow.stop"
	// GlobalDepth (i32) is the stack that recursive functions have left, in bytes. It is below 0
	// once the guest was stopped for it.
	GlobalDepth = "wasmflow.depth"
)

// Values of GlobalStop.
const (
	Stop    = 1
	Stopped = 2
)

// Slice is what a guest may spend before it leaves to the host, where Go's collector and scheduler
// get hold of the goroutine: 20 to 130 microseconds.
const Slice = 1 << 18

const (
	// What an instance may spend before the host has set the globals: nothing runs then but a
	// start function, if the host lets one in.
	startBudget = 1 << 32
	startDepth  = 1 << 20
)

// chunkBytes is what a bulk instruction moves without leaving to the host: memory that is touched
// for the first time takes up to half a millisecond.
const chunkBytes = 1 << 20

// layout knows where in the index spaces the rewriter's own things stand.
type layout struct {
	m *wasm.Module

	fuel, budget, stop, depth uint32 // globals

	void  uint32 // type () -> ()
	bulk  uint32 // type (i32, i32, i32) -> ()
	slow  uint32 // functions, from here on
	stack uint32
	copy  uint32
	fill  uint32
	inits map[uint32]uint32 // by data segment, where segments are larger than a chunk

	patch wasm.Patch
}

func newLayout(m *wasm.Module) (*layout, error) {
	l := &layout{m: m}
	for _, e := range m.Exports {
		switch e.Name {
		case GlobalFuel, GlobalBudget, GlobalStop, GlobalDepth:
			return nil, fmt.Errorf("%w: %q", ErrReserved, e.Name)
		}
	}
	l.fuel = l.global(GlobalFuel, wasm.I64, 0)
	l.budget = l.global(GlobalBudget, wasm.I64, startBudget)
	l.stop = l.global(GlobalStop, wasm.I32, 0)
	l.depth = l.global(GlobalDepth, wasm.I32, startDepth)

	i := wasm.I32
	l.void = l.typeOf(wasm.FuncType{})
	l.bulk = l.typeOf(wasm.FuncType{Params: []wasm.ValueType{i, i, i}})
	l.stack = l.function("wasmflow.stack", l.void, l.trapCode())
	l.slow = l.function("wasmflow.fuel", l.void, l.slowCode())
	if len(m.Memories) > 0 {
		l.copy = l.function("wasmflow.copy", l.bulk, l.copyCode())
		l.fill = l.function("wasmflow.fill", l.bulk, l.fillCode())
	}
	return l, nil
}

func (l *layout) global(name string, t wasm.ValueType, initial int64) uint32 {
	i := uint32(len(l.m.Globals) + len(l.patch.Globals))
	l.patch.Globals = append(l.patch.Globals, wasm.GlobalDef{Type: t, Init: initial})
	l.patch.Exports = append(l.patch.Exports,
		wasm.Export{Name: name, Kind: wasm.ExternGlobal, Index: i})
	return i
}

// typeOf appends a type and returns its index.
func (l *layout) typeOf(t wasm.FuncType) uint32 {
	l.patch.Types = append(l.patch.Types, t)
	return uint32(len(l.m.Types) + len(l.patch.Types) - 1)
}

func (l *layout) function(name string, typeIndex uint32, code []byte) uint32 {
	l.patch.Funcs = append(l.patch.Funcs,
		wasm.FuncDef{Name: name, TypeIndex: typeIndex, Code: code})
	return uint32(len(l.m.Funcs) + len(l.patch.Funcs) - 1)
}

// initOf returns the function that does memory.init of a segment in chunks.
func (l *layout) initOf(segment uint32) uint32 {
	fn, ok := l.inits[segment]
	if !ok {
		if l.inits == nil {
			l.inits = make(map[uint32]uint32)
		}
		fn = l.function(fmt.Sprintf("wasmflow.init.%d", segment), l.bulk, l.initCode(segment))
		l.inits[segment] = fn
	}
	return fn
}
