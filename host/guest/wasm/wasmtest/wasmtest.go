package wasmtest

// Value types, kinds and section numbers, spelled as bytes for literals.
const (
	I32, I64, F32, F64, V128, FuncRef = 0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70

	Func, Table, Memory, Global = 0, 1, 2, 3

	Types, Imports, Functions, Tables, Memories, Globals = 1, 2, 3, 4, 5, 6
	Exports, Start, Elements, Code, Data, DataCount      = 7, 8, 9, 10, 11, 12
)

// U32 encodes an unsigned number as short as possible.
func U32(v uint32) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// S64 encodes a signed number as short as possible.
func S64(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// Join concatenates.
func Join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// Vec is a count and the items.
func Vec(items ...[]byte) []byte { return append(U32(uint32(len(items))), Join(items...)...) }

// Name is a length and the bytes of s.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// Section is one section with the given payload.
func Section(id byte, payload ...[]byte) []byte {
	p := Join(payload...)
	return Join([]byte{id}, U32(uint32(len(p))), p)
}

// Custom is a custom section.
func Custom(name string, payload []byte) []byte { return Section(0, Name(name), payload) }

// Module is the preamble and the sections.
func Module(sections ...[]byte) []byte {
	return append([]byte{0, 'a', 's', 'm', 1, 0, 0, 0}, Join(sections...)...)
}

// Type is a function type.
func Type(params, results []byte) []byte {
	return Join([]byte{0x60}, U32(uint32(len(params))), params, U32(uint32(len(results))), results)
}

// Import is one import; desc is what follows its kind.
func Import(module, name string, kind byte, desc ...byte) []byte {
	return Join(Name(module), Name(name), []byte{kind}, desc)
}

// Export is one export.
func Export(name string, kind byte, index uint32) []byte {
	return Join(Name(name), []byte{kind}, U32(index))
}

// Body is one function's code without locals; the closing end is added.
func Body(code ...byte) []byte { return BodyWithLocals(nil, code...) }

// BodyWithLocals is one function's code; each of runs is a count and a type.
func BodyWithLocals(runs [][]byte, code ...byte) []byte {
	b := Join(Vec(runs...), code, []byte{0x0b})
	return append(U32(uint32(len(b))), b...)
}

// I32Const is the instruction i32.const.
func I32Const(v int32) []byte { return append([]byte{0x41}, S64(int64(v))...) }

// I64Const is the instruction i64.const.
func I64Const(v int64) []byte { return append([]byte{0x42}, S64(v)...) }
