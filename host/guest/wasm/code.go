package wasm

// BlockType is the type of a block, loop or if.
type BlockType struct {
	// TypeIndex is noType, or the type that has the block's parameters and results.
	TypeIndex uint32
	// Result is the block's only result where TypeIndex is NoType; 0 for none.
	Result ValueType
}

// NoType is the TypeIndex of a block without parameters and with at most one result.
const NoType = noIndex

const blockEmpty = 0x40 // the type of a block without parameters and results

// Instr is one instruction.
type Instr struct {
	Op     Opcode
	Offset int // of the opcode, in the file
	End    int // behind the immediates
	// A and B are indexes among the immediates, in the order of the binary: label, function,
	// type and table, local, global, segment and table, two tables.
	A, B  uint32
	Block BlockType // of block, loop and if
}

// Instructions walks over the code of one body. After Parse it cannot fail.
type Instructions struct {
	m      *Module
	r      reader
	locals uint32
	blocks []blockKind
	// Labels are the targets of the br_table returned last, its default being the last. They are
	// overwritten by the next br_table.
	Labels []uint32
}

type blockKind byte

const (
	kindPlain blockKind = iota
	kindIf
)

// Reset starts a walk over body, re-using the walk's memory.
func (w *Instructions) Reset(m *Module, body *Body) {
	w.m = m
	w.r = reader{buf: m.Bytes, pos: body.Code, end: body.End}
	w.locals = body.LocalCount
	w.blocks = append(w.blocks[:0], kindPlain)
}

// Depth is the number of open blocks, that of the function itself included.
func (w *Instructions) Depth() int { return len(w.blocks) }

// Err returns the error that ended the walk.
func (w *Instructions) Err() error { return w.r.err }

// Next returns the next instruction; false at the end of the body or at an error.
func (w *Instructions) Next() (Instr, bool) {
	r := &w.r
	if r.err != nil || r.pos == r.end {
		return Instr{}, false
	}
	in := Instr{Offset: r.pos}
	if len(w.blocks) == 0 {
		r.fail(r.pos, "code behind the end of a function")
		return in, false
	}
	op := r.byte()
	in.Op = Opcode(op)
	w.immediates(&in, immediateOf(op))
	in.End = r.pos
	return in, r.err == nil
}

func (w *Instructions) immediates(in *Instr, imm immediate) {
	r, m := &w.r, w.m
	switch imm {
	case immNone:
	case immLocal:
		in.A = r.index("local", int(w.locals))
	case immI32:
		r.i32()
	case immI64:
		r.i64()
	case immMemArg:
		w.memArg(in.Offset)
	case immBlock:
		w.open(in)
	case immEnd:
		w.blocks = w.blocks[:len(w.blocks)-1]
	case immElse:
		w.otherwise(in.Offset)
	case immLabel:
		in.A = r.index("label", len(w.blocks))
	case immLabels:
		w.labels()
	case immFunc:
		in.A = r.index("function", len(m.Funcs))
	case immCallIndirect:
		in.A = r.index("type", len(m.Types))
		in.B = r.index("table", len(m.Tables))
	case immGlobal:
		in.A = r.index("global", len(m.Globals))
	case immTable:
		in.A = r.index("table", len(m.Tables))
	case immMemory:
		w.memoryByte(in.Offset)
	case immF32:
		r.skip(4)
	case immF64:
		r.skip(8)
	case immRefType:
		r.refType()
	case immTypes:
		w.selectTypes(in.Offset)
	case immMisc:
		w.misc(in)
	case immVector:
		w.vector(in)
	default:
		if f := featureOf(byte(in.Op)); f != "" {
			r.feature(in.Offset, f)
			return
		}
		r.fail(in.Offset, "unknown instruction %#x", byte(in.Op))
	}
}

func (w *Instructions) open(in *Instr) {
	r := &w.r
	kind := kindPlain
	if in.Op == OpIf {
		kind = kindIf
	}
	in.Block = w.blockType()
	if r.limit(in.Offset, "nested blocks", uint64(len(w.blocks)), nestingMax) {
		w.blocks = append(w.blocks, kind)
	}
}

func (w *Instructions) blockType() BlockType {
	r := &w.r
	at := r.pos
	if r.left() > 0 {
		// A single byte with the sign bit is a value type; an index is never negative.
		if b := r.buf[at]; b&(continuationBit|signBit) == signBit {
			if b == blockEmpty {
				r.pos++
				return BlockType{TypeIndex: NoType}
			}
			return BlockType{TypeIndex: NoType, Result: r.valueType()}
		}
	}
	n := r.i33()
	if r.err == nil && (n < 0 || n >= int64(len(w.m.Types))) {
		r.fail(at, "unknown type %d of %d", n, len(w.m.Types))
	}
	return BlockType{TypeIndex: uint32(n)}
}

func (w *Instructions) otherwise(at int) {
	top := len(w.blocks) - 1
	if w.blocks[top] != kindIf {
		w.r.fail(at, "else without if")
		return
	}
	w.blocks[top] = kindPlain
}

func (w *Instructions) labels() {
	r := &w.r
	w.Labels = w.Labels[:0]
	for range r.count("branch targets", 1, branchTableMax) + 1 {
		w.Labels = append(w.Labels, r.index("label", len(w.blocks)))
		if r.err != nil {
			return
		}
	}
}

func (w *Instructions) selectTypes(at int) {
	// One type is all that WebAssembly 2.0 knows here.
	if n := w.r.u32(); w.r.err == nil && n != 1 {
		w.r.fail(at, "select with %d types", n)
	}
	w.r.valueType()
}

func (w *Instructions) memArg(at int) {
	const alignMax, indexBit = 31, 0x40
	r := &w.r
	if len(w.m.Memories) == 0 {
		r.fail(at, "unknown memory 0 of 0")
	}
	align := r.u32()
	if r.err == nil && align > alignMax {
		if align&indexBit != 0 {
			r.feature(at, "multiple memories")
		}
		r.fail(at, "alignment of 2^%d", align)
	}
	r.u32()
}

// memoryByte reads the place of a memory index, which is one zero byte and nothing else: the
// engine reads it as a byte.
func (w *Instructions) memoryByte(at int) {
	if len(w.m.Memories) == 0 {
		w.r.fail(at, "unknown memory 0 of 0")
	}
	if b := w.r.byte(); b != 0 {
		w.r.feature(at, "multiple memories")
	}
}

func (w *Instructions) misc(in *Instr) {
	r, m := &w.r, w.m
	sub := r.u32()
	in.Op = prefixMisc<<8 | Opcode(sub&0xff)
	if r.err != nil || sub <= miscTruncLast {
		return
	}
	if sub > 0xff {
		r.fail(in.Offset, "unknown instruction 0xfc %#x", sub)
		return
	}
	switch in.Op {
	case OpMemoryInit:
		in.A = w.dataSegment(in.Offset)
		w.memoryByte(in.Offset)
	case OpDataDrop:
		in.A = w.dataSegment(in.Offset)
	case OpMemoryCopy:
		w.memoryByte(in.Offset)
		w.memoryByte(in.Offset)
	case OpMemoryFill:
		w.memoryByte(in.Offset)
	case OpTableInit:
		in.A = r.index("element segment", len(m.Segments))
		in.B = r.index("table", len(m.Tables))
	case OpElemDrop:
		in.A = r.index("element segment", len(m.Segments))
	case OpTableCopy:
		in.A = r.index("table", len(m.Tables))
		in.B = r.index("table", len(m.Tables))
	case OpTableGrow, OpTableSize, OpTableFill:
		in.A = r.index("table", len(m.Tables))
	default:
		r.fail(in.Offset, "unknown instruction 0xfc %#x", sub)
	}
}

func (w *Instructions) dataSegment(at int) uint32 {
	if !w.m.HasDataCount {
		w.r.fail(at, "data segments used without a data count section")
	}
	return w.r.index("data segment", int(w.m.DataCount))
}

// vectorOp reads the number behind the vector prefix. It has to be as short as possible, because
// the engine looks at its first byte only.
func (r *reader) vectorOp() Opcode {
	at := r.pos
	sub := r.u32()
	if n := r.pos - at; r.err == nil && n > 1 && sub>>(7*(n-1)) == 0 {
		r.fail(at, "instruction number with padding")
	}
	if sub > vectorLast {
		r.feature(at, "relaxed SIMD")
	}
	return prefixVector<<8 | Opcode(sub&0xff)
}

func (w *Instructions) vector(in *Instr) {
	r := &w.r
	in.Op = r.vectorOp()
	if r.err != nil {
		return
	}
	memArg, lanes, laneEnd, known := vectorImmediate(uint32(in.Op & 0xff))
	if !known {
		r.fail(in.Offset, "unknown vector instruction %#x", byte(in.Op))
	}
	if memArg {
		w.memArg(in.Offset)
	}
	for range lanes {
		if lane := r.byte(); lane > laneEnd {
			r.fail(in.Offset, "lane %d of %d", lane, int(laneEnd)+1)
		}
	}
}

func (m *Module) readCode(r *reader) {
	const entryMin = 3 // size, no locals, end
	at := r.pos
	n := r.count("bodies", entryMin, functionsMax)
	if r.err == nil && n != m.declared.functions {
		r.fail(at, "function and code section differ in length")
		return
	}
	m.Bodies = make([]Body, 0, n)
	var walk Instructions
	var flow flow
	for i := range n {
		b := m.body(r, uint32(m.FuncsImported+i))
		if r.err != nil {
			return
		}
		walk.Reset(m, &b)
		for {
			in, ok := walk.Next()
			if !ok {
				break
			}
			m.GrowsTables = m.GrowsTables || in.Op == OpTableGrow
			flow.add(&in, &walk)
		}
		if walk.r.err == nil && len(walk.blocks) > 0 {
			walk.r.fail(b.End, "function without an end")
		}
		flow.end(&walk.r, &b)
		if r.err = walk.r.err; r.err != nil {
			return
		}
		m.Bodies = append(m.Bodies, b)
	}
}

// body reads the size and the locals of function fn.
func (m *Module) body(r *reader, fn uint32) Body {
	const runMin = 2 // count, type
	b := Body{Offset: r.pos}
	size := r.u32()
	r.limit(b.Offset, "bytes in a function", uint64(size), bodySizeMax)
	code := r.sub("a function", size)
	if r.err != nil {
		return b
	}
	b.Start, b.End = code.pos, code.end
	n := code.count("runs of locals", runMin, LocalsMax)
	total := uint64(0)
	for range n {
		run := LocalRun{Count: code.u32(), Type: code.valueType()}
		total += uint64(run.Count)
		if !code.limit(b.Start, "locals of a function", total, LocalsMax) {
			break
		}
		b.Locals = append(b.Locals, run)
	}
	if r.err = code.err; r.err != nil {
		return b
	}
	b.LocalCount = uint32(total) + uint32(len(m.FuncType(fn).Params))
	b.Code = code.pos
	return b
}
