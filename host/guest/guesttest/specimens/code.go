package specimens

import (
	"fmt"
	"strings"

	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// What users are told of specimens.
const (
	OutOfTime  = "out of time"
	OutOfStack = "out of stack"
	notEnabled = "is not enabled"
)

var (
	dropped = []byte{0x1a}
	ended   = []byte{0x0b}
)

func repeated(n int, code []byte) []byte { return []byte(strings.Repeat(string(code), n)) }

// fillings are what loops do while they go round.
func fillings() map[string][]byte {
	return map[string][]byte{
		"nothing":    nil,
		"arithmetic": repeated(20, Join(I32Const(3), I32Const(4), []byte{0x6c}, dropped)),
		"load":       Join(I32Const(64), []byte{0x29, 3, 0}, dropped),
		"store":      Store32(2048, 7),
		"division":   Join(I64Const(9), I64Const(2), []byte{0x7f}, dropped),
		"root":       Join([]byte{0x44, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x9f}, dropped),
		"vector":     Join(I32Const(64), []byte{0xfd, 0, 4, 0, 0xfd, 0x4d}, dropped), // load, not
		"straight":   repeated(5_000, Join(I32Const(64), []byte{0x28, 2, 0}, dropped)),
		"call":       Call(8),
		"host call":  Join(I32Const(1), []byte{0x1a}, Call(0), dropped),
	}
}

func loops() []Specimen {
	shapes := map[string]func(body []byte) []byte{
		"br": func(b []byte) []byte { return Join([]byte{0x03, 0x40}, b, []byte{0x0c, 0}, ended) },
		"br_if": func(b []byte) []byte {
			return Join([]byte{0x03, 0x40}, b, I32Const(1), []byte{0x0d, 0}, ended)
		},
		"br_table": func(b []byte) []byte {
			return Join([]byte{0x03, 0x40}, b, I32Const(9), []byte{0x0e, 2, 0, 0, 0}, ended)
		},
		"outer": func(b []byte) []byte {
			return Join([]byte{0x03, 0x40, 0x03, 0x40}, b, []byte{0x0c, 1}, ended, ended)
		},
		"both": func(b []byte) []byte {
			return Join([]byte{0x03, 0x40, 0x03, 0x40}, b, I32Const(0), []byte{0x0d, 0, 0x0c, 1}, ended,
				ended)
		},
		"in a block": func(b []byte) []byte {
			return Join([]byte{0x02, 0x40, 0x03, 0x40}, b, I32Const(0), []byte{0x0d, 1, 0x0c, 0}, ended,
				ended)
		},
		"by an if": func(b []byte) []byte {
			return Join([]byte{0x03, 0x40}, I32Const(1), []byte{0x04, 0x40}, b, []byte{0x0c, 1, 0x05},
				b, []byte{0x0c, 1}, ended, ended)
		},
		"with a result": func(b []byte) []byte {
			return Join([]byte{0x03, I32}, b, []byte{0x0c, 0}, ended, dropped)
		},
		"deep": func(b []byte) []byte {
			return Join(repeated(200, []byte{0x03, 0x40}), b, []byte{0x0c, 100}, repeated(200, ended))
		},
	}
	yield := [][]byte{Import("wasi_snapshot_preview1", "sched_yield", Func, TypeI32)}
	var list []Specimen
	for shape, loop := range shapes {
		for filling, body := range fillings() {
			g := doing(loop(body))
			switch filling {
			case "host call":
				g.Imports = yield
			case "call":
				g.More = [][]byte{Store32(2048, 1)}
			}
			list = append(list, Specimen{"loop, " + shape + ", " + filling, g.Module(), OutOfTime})
		}
	}
	return list
}

// trees are calls without a loop: each function calls the next one so many times.
func trees() []Specimen {
	var list []Specimen
	for _, arity := range []int{2, 3, 10, 100} {
		for _, depth := range []int{12, 25, 60} {
			g := doing(Call(8))
			for i := range depth {
				code := repeated(arity, Call(uint32(9+i)))
				if i == depth-1 {
					code = Store32(2048, 1)
				}
				g.More = append(g.More, code)
			}
			s := Specimen{Name: fmt.Sprintf("tree, %d to the %d", arity, depth), Module: g.Module()}
			if depth > 12 || arity > 10 {
				s.Text = OutOfTime
			}
			list = append(list, s)
		}
	}
	return list
}

func recursions() []Specimen {
	var list []Specimen
	add := func(name string, g Guest, text string) {
		list = append(list, Specimen{"recursion, " + name, g.Module(), text})
	}
	for _, ring := range []int{1, 2, 3, 10, 100} {
		g := doing(Call(8))
		for i := range ring {
			g.More = append(g.More, Call(uint32(8+(i+1)%ring)))
		}
		add(fmt.Sprintf("ring of %d", ring), g, OutOfStack)
		g.More[0] = Join(g.More[0], g.More[0])
		add(fmt.Sprintf("tree in a ring of %d", ring), g, OutOfStack)
	}
	tables := [][]byte{Join([]byte{FuncRef, 1}, U32(4), U32(4))}
	indirect := Join(I32Const(1), []byte{0x11, TypeVoid, 0})
	self := Join(I32Const(1), []byte{0xd2, 8, 0x26, 0}, indirect) // ref.func, table.set
	for name, code := range map[string][]byte{
		"by table": indirect, "by table, around a loop": Join([]byte{0x03, 0x40}, indirect,
			I32Const(0), []byte{0x0d, 0}, ended),
	} {
		g := doing(self)
		g.Tables, g.More, g.Also = tables, [][]byte{code}, [][]byte{Export("more", Func, 8)}
		add(name, g, OutOfStack)
	}
	// A way down, and as many ways back as there are instructions to leave by.
	for name, leave := range map[string][]byte{
		"return": {0x0f}, "branch": {0x0c, 0}, "branch if": {0x41, 1, 0x0d, 0},
		"branch table": {0x41, 1, 0x0e, 1, 0, 0}, "end": {},
	} {
		g := doing(Join([]byte{0x03, 0x40}, Call(8), []byte{0x0c, 0}, ended))
		// Function 8 calls itself unless a word in memory says not to, which is when 9 is called.
		g.More = [][]byte{
			Join(I32Const(2048), []byte{0x28, 2, 0, 0x04, 0x40}, Store32(2048, 0), []byte{0x05},
				Store32(2048, 1), Call(8), ended, leave),
		}
		add("and back by "+name, g, OutOfTime)
	}
	return list
}

// features are proposals that are switched off, by one of their instructions.
func features() []Specimen {
	var list []Specimen
	for name, code := range map[string][]byte{
		"tail call":              {0x12, 4},
		"indirect tail call":     {0x41, 0, 0x11 + 2, 0, 0},
		"tail call by reference": {0x15, 0},
		"call by reference":      {0x14, 0},
		"try":                    {0x06, 0x40, 0x0b},
		"try table":              {0x1f, 0x40, 0, 0x0b},
		"throw":                  {0x08, 0},
		"atomic wait":            {0x41, 0, 0x41, 0, 0x42, 0, 0xfe, 0x01, 2, 0, 0x1a},
		"atomic fence":           {0xfe, 0x03, 0},
		"new object":             {0xfb, 0x01, 0, 0x1a},
		"relaxed vector":         {0xfd, 0x80, 0x02},
		"second memory":          {0x3f, 1, 0x1a},
	} {
		list = append(list, Specimen{"feature, " + name, doing(code).Module(), notEnabled})
	}
	return list
}
