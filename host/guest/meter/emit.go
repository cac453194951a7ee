package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// Charges by length, as shifts of the number of bytes, elements or pages.
const (
	shiftBytes  = -4 // 16 bytes a unit
	shiftTable  = 0
	shiftPages  = 12 // 16 bytes a unit, too: the engine zeroes or copies them
	shiftGrowth = 4  // table.grow: 8 bytes an element, copied
)

// Depth of recursive functions is counted in bytes of the stack, by estimate.
const (
	frameBytes  = 32
	localBytes  = 8
	vectorBytes = 16
)

// Locals that a function may need beside its own.
const (
	temporarySize   = 0 // an operand
	temporaryResult = 1
	temporaryLeft   = 2 // of the stack
	temporaries     = 3
)

// emitter takes the third walk: it writes the bodies with the checks in them. Bodies are copied as
// they stand between the places where something is inserted.
type emitter struct {
	*layout
	funcs []function
	graph *graph
	// largeSegments says that memory.init may move more than a chunk.
	largeSegments bool

	walk wasm.Instructions
	out  asm
	body *wasm.Body
	f    *function
	temp uint32 // the first temporary
	from int    // of the body: what is not written yet
	next int    // of the loops
	held []held
}

// emit appends own function i: locals, code, end.
func (e *emitter) emit(dst []byte, i int) []byte {
	e.out, e.body, e.f, e.next = dst, &e.m.Bodies[i], &e.funcs[i], 0
	e.temp = e.body.LocalCount
	e.locals()
	e.from = e.body.Code
	e.walk.Reset(e.m, e.body)
	for {
		in, ok := e.walk.Next()
		if !ok {
			break
		}
		e.instruction(&in)
	}
	e.flush(e.body.End)
	return e.out
}

// flush copies what is not written yet, up to an offset in the file.
func (e *emitter) flush(to int) {
	e.out = append(e.out, e.m.Bytes[e.from:to]...)
	e.from = to
}

// locals writes the function's locals, and temporaries if it needs them.
func (e *emitter) locals() {
	n := uint32(len(e.body.Locals))
	temporary := e.f.byLength || e.f.recursive || e.f.saves
	if temporary {
		n++
	}
	e.out = wasm.AppendU32(e.out, n)
	for _, run := range e.body.Locals {
		e.out = append(wasm.AppendU32(e.out, run.Count), byte(run.Type))
	}
	if temporary {
		e.out = append(wasm.AppendU32(e.out, temporaries), byte(wasm.I32))
	}
}

// enter writes the function's check.
func (e *emitter) enter() {
	switch {
	case e.f.elided:
	case e.f.recursive:
		e.deduct(e.f.price)
		e.descend()
	case e.f.leadOf() != nil:
		if e.f.price > 0 {
			e.deduct(e.f.price)
		}
	default:
		e.deduct(e.f.price)
		e.check()
	}
}

// frame is what a call of the function takes of the stack.
func (e *emitter) frame() int32 {
	size := int64(frameBytes) + localBytes*int64(e.body.LocalCount)
	for _, run := range e.body.Locals {
		if run.Type == wasm.V128 {
			size += int64(run.Count) * (vectorBytes - localBytes)
		}
	}
	return int32(size)
}

// descend takes the frame off the stack that is left, and leaves to the host if that or the fuel is
// spent: both are at least 0 as long as neither's sign is set. One branch for both takes a fifth
// off what checks cost a parser that goes down recursively; which of them it was is found out on
// the way out. What is left is kept in a local, for calls: M8.
func (e *emitter) descend() {
	left := e.temp + temporaryLeft
	e.out.index(wasm.OpGlobalGet, e.fuel)
	e.out.index(wasm.OpGlobalGet, e.depth)
	e.out.i32(e.frame())
	e.out.op(opI32Sub)
	e.out.index(wasm.OpLocalTee, left)
	e.out.ops(opI64ExtS, opI64Or)
	e.out.i64(0)
	e.out.op(opI64GeS)
	e.out.open(wasm.OpIf)
	e.out.op(wasm.OpElse)
	e.setDepth()
	e.out.index(wasm.OpCall, e.slow)
	e.out.op(wasm.OpEnd)
}

// setDepth makes what the local holds the stack that is left.
func (e *emitter) setDepth() {
	e.out.get(e.temp + temporaryLeft)
	e.out.index(wasm.OpGlobalSet, e.depth)
}

// call writes a call, with what M8 asks for around it.
func (e *emitter) call(in *wasm.Instr) {
	var node uint32
	switch own := int(in.A) - e.m.FuncsImported; {
	case in.Op == wasm.OpCallIndirect:
		node = e.graph.classes.node(in.A)
	case own >= 0:
		node = uint32(own)
	default:
		return
	}
	switch {
	case e.f.recursive && e.graph.deep[node]:
		e.flush(in.Offset)
		e.setDepth()
	case e.f.saves && e.graph.recursive[node]:
		e.flush(in.Offset)
		e.out.index(wasm.OpGlobalGet, e.depth)
		e.out.set(e.temp + temporaryLeft)
		e.flush(in.End)
		e.setDepth()
	}
}

// deduct takes n units of fuel without looking at what is left.
func (e *emitter) deduct(n int64) {
	e.out.index(wasm.OpGlobalGet, e.fuel)
	e.out.i64(n)
	e.out.op(opI64Sub)
	e.out.index(wasm.OpGlobalSet, e.fuel)
}

// deductBy takes fuel by an i32 local, shifted.
func (e *emitter) deductBy(local uint32, shift int) {
	e.out.index(wasm.OpGlobalGet, e.fuel)
	e.out.wide(local)
	switch {
	case shift > 0:
		e.out.i64(int64(shift))
		e.out.op(opI64Shl)
	case shift < 0:
		e.out.i64(int64(-shift))
		e.out.op(opI64ShrU)
	}
	e.out.op(opI64Sub)
	e.out.index(wasm.OpGlobalSet, e.fuel)
}

// check leaves to the host if the fuel is spent.
func (e *emitter) check() {
	e.out.index(wasm.OpGlobalGet, e.fuel)
	e.out.i64(0)
	e.out.op(opI64GeS)
	e.unless(e.slow)
}

// unless calls fn if the top of the stack is 0. The engine lays an else branch out of the way of
// the usual case; with the condition the other way round the checks cost half as much again.
func (e *emitter) unless(fn uint32) {
	e.out.open(wasm.OpIf)
	e.out.op(wasm.OpElse)
	e.out.index(wasm.OpCall, fn)
	e.out.op(wasm.OpEnd)
}

func (e *emitter) instruction(in *wasm.Instr) {
	if in.Offset == e.f.at {
		e.flush(in.Offset)
		e.enter()
	}
	switch {
	case in.Op == wasm.OpLoop:
		l := &e.f.loops[e.next]
		e.next++
		if !l.targeted {
			return
		}
		n := l.copies()
		e.flush(in.End)
		e.deduct(l.price * int64(n))
		e.check()
		if n > 1 {
			e.unroll(in.Block, n)
		}
	case in.Op == wasm.OpCall, in.Op == wasm.OpCallIndirect:
		e.call(in)
	case byLength(in.Op):
		e.flush(in.Offset)
		e.lengthy(in)
		e.from = in.End
	}
}

// lengthy writes an instruction that costs by its last operand.
func (e *emitter) lengthy(in *wasm.Instr) {
	size, result := e.temp+temporarySize, e.temp+temporaryResult
	e.out.index(wasm.OpLocalTee, size)
	switch in.Op {
	case wasm.OpMemoryGrow:
		e.grown(in, size, result, shiftPages)
	case wasm.OpTableGrow:
		e.grown(in, size, result, shiftGrowth)
	case wasm.OpMemoryCopy:
		e.inChunks(in, size, e.copy)
	case wasm.OpMemoryFill:
		e.inChunks(in, size, e.fill)
	case wasm.OpMemoryInit:
		if e.largeSegments {
			e.inChunks(in, size, e.initOf(in.A))
			return
		}
		e.deductBy(size, shiftBytes)
		e.check()
		e.as(in)
	default:
		e.deductBy(size, shiftTable)
		e.check()
		e.as(in)
	}
}

// as writes the instruction as it stood.
func (e *emitter) as(in *wasm.Instr) { e.out = append(e.out, e.m.Bytes[in.Offset:in.End]...) }

// grown charges for growth behind it: a guest that asks how far it can grow and is refused pays
// for the question only.
func (e *emitter) grown(in *wasm.Instr, size, result uint32, shift int) {
	e.as(in)
	e.out.index(wasm.OpLocalTee, result)
	e.out.get(result)
	e.out.i32(-1)
	e.out.op(opI32Ne)
	e.out.open(wasm.OpIf)
	e.deductBy(size, shift)
	e.check()
	e.out.op(wasm.OpEnd)
}

// inChunks has ranges larger than a chunk done by a function that leaves to the host on the way.
func (e *emitter) inChunks(in *wasm.Instr, size, chunked uint32) {
	e.deductBy(size, shiftBytes)
	e.check()
	e.out.get(size)
	e.out.i32(chunkBytes)
	e.out.op(opI32LeU)
	e.out.typed(wasm.OpIf, wasm.BlockType{TypeIndex: e.bulk})
	e.as(in)
	e.out.op(wasm.OpElse)
	e.out.index(wasm.OpCall, chunked)
	e.out.op(wasm.OpEnd)
}

// findInits makes the helpers for memory.init before anything is written: the number of functions
// stands in front of the code.
func (e *emitter) findInits() {
	if !e.largeSegments {
		return
	}
	for i := range e.m.Bodies {
		if !e.funcs[i].byLength {
			continue
		}
		e.walk.Reset(e.m, &e.m.Bodies[i])
		for in, ok := e.walk.Next(); ok; in, ok = e.walk.Next() {
			if in.Op == wasm.OpMemoryInit {
				e.initOf(in.A)
			}
		}
	}
}
