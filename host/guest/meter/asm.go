package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// Opcodes that the rewriter writes and never looks for.
const (
	opSelect   wasm.Opcode = 0x1b
	opI32LeU   wasm.Opcode = 0x4d
	opI32GeS   wasm.Opcode = 0x4e
	opI32Ne    wasm.Opcode = 0x47
	opI32LtS   wasm.Opcode = 0x48
	opI32LtU   wasm.Opcode = 0x49
	opI64LtS   wasm.Opcode = 0x53
	opI64GtU   wasm.Opcode = 0x56
	opI64GeS   wasm.Opcode = 0x59
	opI32Add   wasm.Opcode = 0x6a
	opI32Sub   wasm.Opcode = 0x6b
	opI64Add   wasm.Opcode = 0x7c
	opI64Sub   wasm.Opcode = 0x7d
	opI64Or    wasm.Opcode = 0x84
	opI64Shl   wasm.Opcode = 0x86
	opI64ShrU  wasm.Opcode = 0x88
	opI64ExtS  wasm.Opcode = 0xac // i64.extend_i32_s
	opI64ExtU  wasm.Opcode = 0xad // i64.extend_i32_u
	memoryZero             = 0    // index of the only memory
)

// asm is code in the making.
type asm []byte

func (a *asm) op(op wasm.Opcode) { *a = wasm.AppendOp(*a, op) }

func (a *asm) ops(list ...wasm.Opcode) {
	for _, op := range list {
		a.op(op)
	}
}

// index appends an instruction with an index behind it.
func (a *asm) index(op wasm.Opcode, i uint32) { *a = wasm.AppendU32(wasm.AppendOp(*a, op), i) }

func (a *asm) i32(v int32) { *a = wasm.AppendS64(wasm.AppendOp(*a, wasm.OpI32Const), int64(v)) }

func (a *asm) i64(v int64) { *a = wasm.AppendS64(wasm.AppendOp(*a, wasm.OpI64Const), v) }

func (a *asm) get(local uint32) { a.index(wasm.OpLocalGet, local) }
func (a *asm) set(local uint32) { a.index(wasm.OpLocalSet, local) }

// wide pushes an i32 local as an i64.
func (a *asm) wide(local uint32) {
	a.get(local)
	a.op(opI64ExtU)
}

// open appends block, loop or if without parameters and results.
func (a *asm) open(op wasm.Opcode) { a.typed(op, wasm.BlockType{TypeIndex: wasm.NoType}) }

func (a *asm) typed(op wasm.Opcode, t wasm.BlockType) {
	*a = wasm.AppendBlockType(wasm.AppendOp(*a, op), t)
}

// bulk appends memory.copy, fill, init and their like with the immediates they have.
func (a *asm) bulk(op wasm.Opcode, segment uint32) {
	a.op(op)
	switch op {
	case wasm.OpMemoryInit:
		*a = append(wasm.AppendU32(*a, segment), memoryZero)
	case wasm.OpMemoryCopy:
		*a = append(*a, memoryZero, memoryZero)
	case wasm.OpMemoryFill:
		*a = append(*a, memoryZero)
	}
}
