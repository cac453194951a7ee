package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// locals begins the code of a function with n locals of one type.
func locals(n uint32, t wasm.ValueType) asm {
	if n == 0 {
		return asm{0}
	}
	return append(asm(wasm.AppendU32([]byte{1}, n)), byte(t))
}

// slowCode is the way out to the host, taken when the fuel at hand is spent, or the stack, which
// traps. It leaves through memory.grow by nothing, which the engine does in Go, so that the collector
// and the scheduler find a safe point; a host function would do the same, but importing one renumbers
// everything. Then it takes the next slice of the budget, or traps.
func (l *layout) slowCode() []byte {
	const left = 0
	a := locals(1, wasm.I64)
	a.index(wasm.OpGlobalGet, l.depth)
	a.i32(0)
	a.op(opI32LtS)
	a.open(wasm.OpIf)
	a.index(wasm.OpCall, l.stack)
	a.op(wasm.OpEnd)
	if len(l.m.Memories) > 0 {
		a.i32(0)
		a.op(wasm.OpMemoryGrow)
		a = append(a, memoryZero)
		a = append(a, opDrop)
	}
	// Stop is read behind the way out: the engine may keep a global in a register before it.
	a.index(wasm.OpGlobalGet, l.stop)
	a.open(wasm.OpIf)
	a.i32(Stopped)
	a.index(wasm.OpGlobalSet, l.stop)
	a.ops(wasm.OpUnreachable, wasm.OpEnd)

	a.index(wasm.OpGlobalGet, l.budget)
	a.index(wasm.OpGlobalGet, l.fuel)
	a.op(opI64Add)
	a.index(wasm.OpLocalTee, left)
	a.i64(0)
	a.op(opI64LtS)
	a.open(wasm.OpIf)
	a.ops(wasm.OpUnreachable, wasm.OpEnd)

	a.get(left)
	a.i64(Slice)
	a.get(left)
	a.i64(Slice)
	a.ops(opI64LtS, opSelect)
	a.index(wasm.OpGlobalSet, l.fuel)
	a.get(left)
	a.index(wasm.OpGlobalGet, l.fuel)
	a.op(opI64Sub)
	a.index(wasm.OpGlobalSet, l.budget)
	a.op(wasm.OpEnd)
	return a
}

// trapCode is a function of its own so that the trace of the trap tells what it was.
func (l *layout) trapCode() []byte {
	a := locals(0, 0)
	a.ops(wasm.OpUnreachable, wasm.OpEnd)
	return a
}

// Parameters of the bulk helpers, and their local.
const (
	paramTo, paramFrom, paramSize = 0, 1, 2
	localPart                     = 3
)

// beyond pushes whether the range from address on ends behind the memory.
func (a *asm) beyond(address uint32) {
	const pageBits = 16
	a.wide(address)
	a.wide(paramSize)
	a.op(opI64Add)
	a.op(wasm.OpMemorySize)
	*a = append(*a, memoryZero)
	a.op(opI64ExtU)
	a.i64(pageBits)
	a.ops(opI64Shl, opI64GtU)
}

// whole does the instruction as it stood if one of the conditions pushed so far holds: it traps
// before it has written anything, as the standard asks.
func (a *asm) whole(op wasm.Opcode, segment uint32) {
	a.open(wasm.OpIf)
	a.get(paramTo)
	a.get(paramFrom)
	a.get(paramSize)
	a.bulk(op, segment)
	a.ops(wasm.OpReturn, wasm.OpEnd)
}

// takePart sets the local to the size of the next chunk and takes it off what is left to do.
func (a *asm) takePart() {
	a.get(paramSize)
	a.i32(chunkBytes)
	a.get(paramSize)
	a.i32(chunkBytes)
	a.ops(opI32LtU, opSelect)
	a.set(localPart)
	a.get(paramSize)
	a.get(localPart)
	a.op(opI32Sub)
	a.set(paramSize)
}

// again ends a loop that goes on while something is left.
func (a *asm) again() {
	a.get(paramSize)
	a.index(wasm.OpBrIf, 0)
	a.op(wasm.OpEnd)
}

// backwards does the instruction in chunks from the end: the last one reaches farthest, so if it is
// within bounds all are. advance says whether the second operand is an address, too.
func (l *layout) backwards(a *asm, op wasm.Opcode, segment uint32, advance bool) {
	a.open(wasm.OpLoop)
	a.index(wasm.OpCall, l.slow)
	a.takePart()
	a.get(paramTo)
	a.get(paramSize)
	a.op(opI32Add)
	a.get(paramFrom)
	if advance {
		a.get(paramSize)
		a.op(opI32Add)
	}
	a.get(localPart)
	a.bulk(op, segment)
	a.again()
}

func (l *layout) fillCode() []byte {
	a := locals(1, wasm.I32)
	a.beyond(paramTo)
	a.whole(wasm.OpMemoryFill, 0)
	l.backwards(&a, wasm.OpMemoryFill, 0, false)
	a.op(wasm.OpEnd)
	return a
}

func (l *layout) initCode(segment uint32) []byte {
	const segmentMax = 1<<32 - 1
	a := locals(1, wasm.I32)
	a.beyond(paramTo)
	a.whole(wasm.OpMemoryInit, segment)
	// A range of the segment that wraps around must not look like two that do not.
	a.wide(paramFrom)
	a.wide(paramSize)
	a.op(opI64Add)
	a.i64(segmentMax)
	a.op(opI64GtU)
	a.whole(wasm.OpMemoryInit, segment)
	l.backwards(&a, wasm.OpMemoryInit, segment, true)
	a.op(wasm.OpEnd)
	return a
}

// copyCode copies towards the side from which the ranges may overlap.
func (l *layout) copyCode() []byte {
	a := locals(1, wasm.I32)
	a.beyond(paramTo)
	a.whole(wasm.OpMemoryCopy, 0)
	a.beyond(paramFrom)
	a.whole(wasm.OpMemoryCopy, 0)
	a.get(paramTo)
	a.get(paramFrom)
	a.op(opI32LeU)
	a.open(wasm.OpIf)
	a.open(wasm.OpLoop)
	a.index(wasm.OpCall, l.slow)
	a.takePart()
	a.get(paramTo)
	a.get(paramFrom)
	a.get(localPart)
	a.bulk(wasm.OpMemoryCopy, 0)
	for _, address := range []uint32{paramTo, paramFrom} {
		a.get(address)
		a.get(localPart)
		a.op(opI32Add)
		a.set(address)
	}
	a.again()
	a.op(wasm.OpElse)
	l.backwards(&a, wasm.OpMemoryCopy, 0, true)
	a.ops(wasm.OpEnd, wasm.OpEnd)
	return a
}
