package wasm

// Opcode is an instruction. One-byte instructions have their byte; those behind a prefix have
// the prefix in the upper byte.
type Opcode uint16

// The instructions that have immediates, or that open, close or leave a block.
const (
	OpUnreachable  Opcode = 0x00
	OpBlock        Opcode = 0x02
	OpLoop         Opcode = 0x03
	OpIf           Opcode = 0x04
	OpElse         Opcode = 0x05
	OpEnd          Opcode = 0x0b
	OpBr           Opcode = 0x0c
	OpBrIf         Opcode = 0x0d
	OpBrTable      Opcode = 0x0e
	OpReturn       Opcode = 0x0f
	OpCall         Opcode = 0x10
	OpCallIndirect Opcode = 0x11
	OpSelectTyped  Opcode = 0x1c
	OpLocalGet     Opcode = 0x20
	OpLocalSet     Opcode = 0x21
	OpLocalTee     Opcode = 0x22
	OpGlobalGet    Opcode = 0x23
	OpGlobalSet    Opcode = 0x24
	OpTableGet     Opcode = 0x25
	OpTableSet     Opcode = 0x26
	OpMemorySize   Opcode = 0x3f
	OpMemoryGrow   Opcode = 0x40
	OpI32Const     Opcode = 0x41
	OpI64Const     Opcode = 0x42
	OpF32Const     Opcode = 0x43
	OpF64Const     Opcode = 0x44
	OpRefNull      Opcode = 0xd0
	OpRefIsNull    Opcode = 0xd1
	OpRefFunc      Opcode = 0xd2

	OpMemoryInit Opcode = prefixMisc<<8 | 0x08
	OpDataDrop   Opcode = prefixMisc<<8 | 0x09
	OpMemoryCopy Opcode = prefixMisc<<8 | 0x0a
	OpMemoryFill Opcode = prefixMisc<<8 | 0x0b
	OpTableInit  Opcode = prefixMisc<<8 | 0x0c
	OpElemDrop   Opcode = prefixMisc<<8 | 0x0d
	OpTableCopy  Opcode = prefixMisc<<8 | 0x0e
	OpTableGrow  Opcode = prefixMisc<<8 | 0x0f
	OpTableSize  Opcode = prefixMisc<<8 | 0x10
	OpTableFill  Opcode = prefixMisc<<8 | 0x11

	OpV128Const Opcode = prefixVector<<8 | 0x0c

	opLoadFirst, opStoreLast      Opcode = 0x28, 0x3e
	opNumericFirst, opNumericLast Opcode = 0x45, 0xc4
	opI32Add, opI32Sub, opI32Mul  Opcode = 0x6a, 0x6b, 0x6c
	opI64Add, opI64Sub, opI64Mul  Opcode = 0x7c, 0x7d, 0x7e

	prefixMisc   = 0xfc
	prefixVector = 0xfd

	miscTruncLast  = 0x07
	vectorLast     = 0xff
	vectorLoadLast = 0x0b // the last load or store without a lane
	vectorShuffle  = 0x0d
)

// immediate is the shape of what follows an opcode.
type immediate byte

const (
	immUnknown immediate = iota
	immNone
	immBlock
	immElse
	immEnd
	immLabel
	immLabels
	immFunc
	immCallIndirect
	immTypes
	immLocal
	immGlobal
	immTable
	immMemArg
	immMemory
	immI32
	immI64
	immF32
	immF64
	immRefType
	immMisc
	immVector
)

// immediateOf classifies the one-byte opcodes.
func immediateOf(op byte) immediate {
	switch o := Opcode(op); o {
	case OpBlock, OpLoop, OpIf:
		return immBlock
	case OpElse:
		return immElse
	case OpEnd:
		return immEnd
	case OpBr, OpBrIf:
		return immLabel
	case OpBrTable:
		return immLabels
	case OpCall, OpRefFunc:
		return immFunc
	case OpCallIndirect:
		return immCallIndirect
	case OpSelectTyped:
		return immTypes
	case OpLocalGet, OpLocalSet, OpLocalTee:
		return immLocal
	case OpGlobalGet, OpGlobalSet:
		return immGlobal
	case OpTableGet, OpTableSet:
		return immTable
	case OpMemorySize, OpMemoryGrow:
		return immMemory
	case OpI32Const:
		return immI32
	case OpI64Const:
		return immI64
	case OpF32Const:
		return immF32
	case OpF64Const:
		return immF64
	case OpRefNull:
		return immRefType
	case prefixMisc:
		return immMisc
	case prefixVector:
		return immVector
	// unreachable, nop, return, drop, select, ref.is_null
	case OpUnreachable, 0x01, OpReturn, 0x1a, 0x1b, OpRefIsNull:
		return immNone
	default:
		switch {
		case o >= opLoadFirst && o <= opStoreLast:
			return immMemArg
		case o >= opNumericFirst && o <= opNumericLast:
			return immNone
		}
		return immUnknown
	}
}

// featureOf names the proposal a one-byte opcode belongs to, or "".
func featureOf(op byte) string {
	switch {
	case op >= 0x06 && op <= 0x0a, op == 0x18, op == 0x19, op == 0x1f:
		return "exception handling"
	case op == 0x12, op == 0x13:
		return "tail calls"
	case op >= 0x14 && op <= 0x17, op >= 0xd3 && op <= 0xd6:
		return "typed function references"
	case op == 0xfb:
		return "garbage collection"
	case op == 0xfe:
		return "threads"
	}
	return ""
}

// vectorImmediate says what follows a vector instruction: whether a memory argument, and how many
// lane bytes with what bound. known is false for holes in the numbering.
func vectorImmediate(sub uint32) (memArg bool, lanes int, laneEnd byte, known bool) {
	switch {
	case sub <= vectorLoadLast, sub == 0x5c, sub == 0x5d:
		return true, 0, 0, true
	case sub == uint32(OpV128Const&0xff):
		return false, 16, 255, true
	case sub == vectorShuffle:
		return false, 16, 31, true
	case sub >= 0x15 && sub <= 0x22:
		return false, 1, extractLaneEnd(sub), true
	case sub >= 0x54 && sub <= 0x5b:
		// Loads, then stores, of one lane of 8, 16, 32, 64 bits.
		return true, 1, byte(16>>((sub-0x54)&3)) - 1, true
	}
	switch sub {
	case 0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb,
		0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee:
		return false, 0, 0, false
	}
	return false, 0, 0, true
}

// extractLaneEnd is the highest lane of extract_lane and replace_lane.
func extractLaneEnd(sub uint32) byte {
	switch {
	case sub <= 0x17:
		return 15
	case sub <= 0x1a:
		return 7
	case sub <= 0x1c:
		return 3
	case sub <= 0x1e:
		return 1
	case sub <= 0x20:
		return 3
	}
	return 1
}
