package wasm

import "strings"

// ValueType is the type of a value as the binary format spells it.
type ValueType byte

// The value types of WebAssembly 2.0.
const (
	I32       ValueType = 0x7f
	I64       ValueType = 0x7e
	F32       ValueType = 0x7d
	F64       ValueType = 0x7c
	V128      ValueType = 0x7b
	FuncRef   ValueType = 0x70
	ExternRef ValueType = 0x6f
)

func (t ValueType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	return "unknown"
}

// FuncType is a function's signature.
type FuncType struct {
	Params, Results []ValueType
}

// Equal reports whether both have the same parameters and results.
func (f FuncType) Equal(g FuncType) bool {
	return string(valueBytes(f.Params)) == string(valueBytes(g.Params)) &&
		string(valueBytes(f.Results)) == string(valueBytes(g.Results))
}

// String writes the signature as "(i32, i64) -> i32".
func (f FuncType) String() string {
	var b strings.Builder
	writeTypes(&b, f.Params, true)
	b.WriteString(" -> ")
	writeTypes(&b, f.Results, len(f.Results) != 1)
	return b.String()
}

func writeTypes(b *strings.Builder, types []ValueType, parenthesised bool) {
	if parenthesised {
		b.WriteByte('(')
	}
	for i, t := range types {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
	if parenthesised {
		b.WriteByte(')')
	}
}

func valueBytes(types []ValueType) []byte {
	b := make([]byte, len(types))
	for i, t := range types {
		b[i] = byte(t)
	}
	return b
}

// ExternKind says which index space an import or export belongs to.
type ExternKind byte

// The kinds of imports and exports.
const (
	ExternFunc   ExternKind = 0
	ExternTable  ExternKind = 1
	ExternMemory ExternKind = 2
	ExternGlobal ExternKind = 3
)

func (k ExternKind) String() string {
	switch k {
	case ExternFunc:
		return "function"
	case ExternTable:
		return "table"
	case ExternMemory:
		return "memory"
	case ExternGlobal:
		return "global"
	}
	return "unknown"
}

// Limits bound a table (in elements) or a memory (in pages of 64 KiB).
type Limits struct {
	Min    uint32
	Max    uint32 // meaningful where HasMax
	HasMax bool
}

// Table is a table type.
type Table struct {
	Element ValueType
	Limits  Limits
}

// Global is a global's type.
type Global struct {
	Type    ValueType
	Mutable bool
}

// Import is one import. Of the fields after Kind, the one that Kind names is meaningful.
type Import struct {
	Module, Name string
	Kind         ExternKind
	TypeIndex    uint32
	Table        Table
	Memory       Limits
	Global       Global
}

// Export is one export; Index is in the index space of Kind.
type Export struct {
	Name  string
	Kind  ExternKind
	Index uint32
}

// Segment counts what an element segment holds.
type Segment struct {
	Flags uint32 // as in the binary: 0 to 7
	Table uint32
	Count uint32
	// Funcs are the functions the segment refers to, where it names functions or ref.func.
	Funcs []uint32
}

// LocalRun is a run of local variables of one type.
type LocalRun struct {
	Count uint32
	Type  ValueType
}

// Body is one function's code.
type Body struct {
	Offset int // in the file, of the body's size field
	Start  int // of the local declarations
	Code   int // of the first instruction
	End    int // behind the closing end
	Locals []LocalRun
	// LocalCount is the number of parameters and locals together.
	LocalCount uint32
}
