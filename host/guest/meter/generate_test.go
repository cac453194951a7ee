package meter_test

import (
	"encoding/binary"

	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// generator makes a valid module out of any bytes. Functions are of type (i32) -> i32 and every
// one of them counts its calls and the rounds of its loops in a global, which ends the run when it
// comes to 0: the module as it stands must come to an end, too.
type generator struct {
	in     []byte
	labels []byte // open blocks, the innermost last: the type of what their label takes
	budget int    // of statements
}

const (
	genFunctions  = 4
	genLocals     = 3 // the parameter and two more
	genRounds     = 2_000
	genBulk       = 20
	genStatements = 60 // of a function
	genNesting    = 6
	genPages      = 33 // more than two chunks
	genVoid       = 0x40
)

func (g *generator) byte() byte {
	if len(g.in) == 0 {
		return 0
	}
	b := g.in[0]
	g.in = g.in[1:]
	return b
}

func (g *generator) number() int32 {
	var b [4]byte
	n := copy(b[:], g.in)
	g.in = g.in[n:]
	return int32(binary.LittleEndian.Uint32(b[:]))
}

// count takes one off a global, and ends the run at 0. The first global counts calls and rounds of
// loops, the second what may take as long as thousands of others.
func (g *generator) count(global byte) []byte {
	return Join([]byte{0x23, global}, I32Const(1), []byte{0x6b, 0x24, global, 0x23, global, 0x45,
		0x04, 0x40, 0, 0x0b})
}

func (g *generator) module() []byte {
	var bodies [][]byte
	for range genFunctions {
		g.budget, g.labels = genStatements, append(g.labels[:0], I32)
		code := Join(g.count(0), g.list(), g.value(2))
		bodies = append(bodies, BodyWithLocals([][]byte{{genLocals - 1, I32}}, code...))
	}
	return Module(
		Section(Types, Vec(Type([]byte{I32}, []byte{I32}), Type([]byte{I32}, nil))),
		Section(Functions, Vec(U32(0), U32(0), U32(0), U32(0))),
		Section(Tables, Vec([]byte{FuncRef, 1, 8, 16})),
		Section(Memories, Vec([]byte{1, genPages, genPages + 2})),
		Section(Globals, Vec(Join([]byte{I32, 1}, I32Const(genRounds), []byte{0x0b}),
			Join([]byte{I32, 1}, I32Const(genBulk), []byte{0x0b}))),
		Section(Exports, Vec(Export("run", Func, 0), Export("count", Global, 0))),
		Section(Elements, Vec(Join([]byte{0}, I32Const(1), []byte{0x0b, 3, 1, 2, 3}))),
		Section(DataCount, U32(1)),
		Section(Code, Vec(bodies...)),
		Section(Data, Vec(Join([]byte{1}, Name("sixteen bytes ..")))),
	)
}

func (g *generator) list() []byte {
	var code []byte
	for n := g.byte() % 6; n > 0 && g.budget > 0; n-- {
		code = append(code, g.statement()...)
	}
	return code
}

// inside is a block with its label and statements.
func (g *generator) inside(op, result, label byte, head []byte) []byte {
	if len(g.labels) > genNesting {
		return nil
	}
	g.labels = append(g.labels, label)
	code := Join([]byte{op, result}, head, g.list())
	if op == 0x04 && g.byte()%2 == 0 {
		code = Join(code, []byte{0x05}, g.list())
	}
	g.labels = g.labels[:len(g.labels)-1]
	return append(code, 0x0b)
}

func (g *generator) statement() []byte {
	g.budget--
	switch g.byte() % 16 {
	case 0, 1:
		return g.inside(0x02, genVoid, genVoid, nil)
	case 2, 3, 4:
		return g.inside(0x03, genVoid, genVoid, g.count(0))
	case 5, 6:
		return Join(g.value(2), orNop(g.inside(0x04, genVoid, genVoid, nil)))
	case 7:
		return g.branch(0x0c)
	case 8:
		return g.branch(0x0d)
	case 9:
		return g.table()
	case 10:
		return Join(g.value(2), []byte{0x0f})
	case 11:
		return g.bulk()
	case 12:
		return Join(g.value(1), g.value(2), []byte{0x36, 2, 0}) // i32.store
	case 13:
		return Join(g.value(1), []byte{0x40, 0, 0x21, 1}) // memory.grow
	default:
		return Join(g.value(3), []byte{0x21, g.byte() % genLocals})
	}
}

// orNop takes the condition off the stack where nesting has come to its bound.
func orNop(code []byte) []byte {
	if code == nil {
		return []byte{0x1a}
	}
	return code
}

// branch is br or br_if to any label, with the value that the function's takes.
func (g *generator) branch(op byte) []byte {
	label := int(g.byte()) % len(g.labels)
	valued := g.labels[len(g.labels)-1-label] == I32
	var code []byte
	if valued {
		code = g.value(1)
	}
	if op == 0x0d {
		code = append(code, g.value(1)...)
	}
	code = append(code, op, byte(label))
	if valued && op == 0x0d {
		code = append(code, 0x1a)
	}
	return code
}

// table is br_table to labels that take nothing.
func (g *generator) table() []byte {
	n := len(g.labels) - 1
	if n == 0 {
		return nil
	}
	code := Join(g.value(1), []byte{0x0e, 2})
	for range 3 {
		code = append(code, byte(int(g.byte())%n))
	}
	return code
}

func (g *generator) bulk() []byte {
	operands := Join(g.count(1), g.value(0), g.value(0), g.value(0))
	switch g.byte() % 4 {
	case 0:
		return append(operands, 0xfc, 11, 0)
	case 1:
		return append(operands, 0xfc, 10, 0, 0)
	case 2:
		return append(operands, 0xfc, 8, 0, 0)
	default:
		return append(operands, 0xfc, 12, 0, 0) // table.init of a segment that is used up
	}
}

// value pushes an i32.
func (g *generator) value(depth int) []byte {
	kind := g.byte() % 8
	if depth == 0 {
		kind %= 3
	}
	switch kind {
	case 0:
		return I32Const(int32(g.byte()))
	case 1:
		return I32Const(g.number() & 0x3fffff)
	case 2:
		return []byte{0x20, g.byte() % genLocals}
	case 3:
		return Join(g.value(depth-1), []byte{0x10, g.byte() % genFunctions})
	case 4:
		return Join(g.value(depth-1), g.value(0), []byte{0x11, 0, 0}) // call_indirect
	case 5:
		return Join(g.value(depth-1), []byte{0x28, 2, 0}) // i32.load
	case 6:
		return Join(g.value(depth-1), g.value(depth-1), []byte{0x6e}) // i32.div_u
	default:
		return Join(g.value(depth-1), g.value(depth-1), []byte{0x6a + g.byte()%3})
	}
}
