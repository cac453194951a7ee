package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// Prices of instructions, in units of fuel. Constants, locals and the marks of blocks are free:
// they leave no instruction of the machine, or a move.
const (
	priceArithmetic = 1 // branches and conversions too
	priceGlobal     = 1
	priceMemory     = 2 // a load or store that hits the cache, and its bounds check
	priceVector     = 2
	priceTable      = 2
	priceSlow       = 8 // division, square root
	priceCall       = 6
	priceIndirect   = 10
	priceBulk       = 20  // and more by length
	priceLeave      = 100 // ref.func and the like call the engine
	priceGrow       = 200 // and more by pages
	// localsPerUnit is how many locals a function may have for a unit: they are zeroed at entry.
	localsPerUnit = 8
	// movesPerUnit is how many values a branch may move for a unit. Compiled code moves few, and pays
	// nothing; a loop that shifts 5,000 locals took six seconds for a slice without it.
	movesPerUnit = 16
)

// Opcodes that only matter for their price.
const (
	opNop, opDrop                      = 0x01, 0x1a
	opLoadFirst, opStoreLast           = 0x28, 0x3e
	opI32DivFirst, opI32RemLast        = 0x6d, 0x70
	opI64DivFirst, opI64RemLast        = 0x7f, 0x82
	opF32Sqrt, opF32Div                = 0x91, 0x95
	opF64Sqrt, opF64Div                = 0x9f, 0xa3
	opF32x4Sqrt, opF32x4Div            = 0xfde3, 0xfde7
	opF64x2Sqrt, opF64x2Div            = 0xfdef, 0xfdf3
	opVectorFirst, opVectorLast        = 0xfd00, 0xfdff
	opMiscFirst, opMiscConversionsLast = 0xfc00, 0xfc07
)

// price is what an instruction costs, apart from what it costs by length or by what it calls.
func price(op wasm.Opcode) int64 {
	switch op {
	case opNop, opDrop, wasm.OpBlock, wasm.OpLoop, wasm.OpElse, wasm.OpEnd, wasm.OpUnreachable,
		wasm.OpLocalGet, wasm.OpLocalSet, wasm.OpLocalTee, wasm.OpV128Const,
		wasm.OpI32Const, wasm.OpI64Const, wasm.OpF32Const, wasm.OpF64Const, wasm.OpRefNull:
		return 0
	case wasm.OpGlobalGet, wasm.OpGlobalSet:
		return priceGlobal
	case wasm.OpTableGet, wasm.OpTableSet, wasm.OpTableSize, wasm.OpElemDrop, wasm.OpDataDrop,
		wasm.OpBrTable:
		return priceTable
	case opF32Sqrt, opF32Div, opF64Sqrt, opF64Div,
		opF32x4Sqrt, opF32x4Div, opF64x2Sqrt, opF64x2Div:
		return priceSlow
	case wasm.OpCall:
		return priceCall
	case wasm.OpCallIndirect:
		return priceIndirect
	case wasm.OpRefFunc:
		return priceLeave
	case wasm.OpMemoryGrow, wasm.OpTableGrow:
		return priceGrow
	case wasm.OpMemoryCopy, wasm.OpMemoryFill, wasm.OpMemoryInit,
		wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableInit:
		return priceBulk
	}
	switch {
	case op >= opLoadFirst && op <= opStoreLast:
		return priceMemory
	case op >= opI32DivFirst && op <= opI32RemLast, op >= opI64DivFirst && op <= opI64RemLast:
		return priceSlow
	case op >= opVectorFirst && op <= opVectorLast, op >= opMiscFirst && op <= opMiscConversionsLast:
		return priceVector
	}
	return priceArithmetic
}

// byLength tells instructions that cost by an operand: a check follows the charge.
func byLength(op wasm.Opcode) bool {
	switch op {
	case wasm.OpMemoryCopy, wasm.OpMemoryFill, wasm.OpMemoryInit, wasm.OpMemoryGrow,
		wasm.OpTableCopy, wasm.OpTableFill, wasm.OpTableInit, wasm.OpTableGrow:
		return true
	}
	return false
}
