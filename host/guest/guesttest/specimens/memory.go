package specimens

import (
	"fmt"

	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// round is code that is done again and again.
func round(code []byte) []byte {
	return Join([]byte{0x03, 0x40}, code, []byte{0x0c, 0}, ended)
}

func memories() []Specimen {
	var list []Specimen
	add := func(code []byte, text, format string, args ...any) {
		g := doing(code)
		list = append(list, Specimen{"memory, " + fmt.Sprintf(format, args...), g.Module(), text})
	}
	for _, pages := range []int32{0, 1, 16, 1000, 65_535, 65_536, -1} {
		grow := Join(I32Const(pages), []byte{0x40, 0}, dropped)
		add(grow, "", "grow by %d", pages)
		add(round(grow), OutOfTime, "grow by %d for ever", pages)
	}
	for _, size := range []int32{0, 1, 64 << 10, 1 << 20} {
		fill := Join(I32Const(0), I32Const(1), I32Const(size), []byte{0xfc, 11, 0})
		add(round(fill), OutOfTime, "fill %d for ever", size)
		copied := Join(I32Const(0), I32Const(1), I32Const(size-1), []byte{0xfc, 10, 0, 0})
		if size > 0 {
			add(round(copied), OutOfTime, "copy %d for ever", size-1)
		}
		add(repeated(2_000, fill), "", "fill %d in a row", size)
	}
	for name, code := range map[string][]byte{
		"fill beyond":  Join(I32Const(1<<20-1), I32Const(1), I32Const(2), []byte{0xfc, 11, 0}),
		"fill around":  Join(I32Const(-1), I32Const(1), I32Const(2), []byte{0xfc, 11, 0}),
		"copy beyond":  Join(I32Const(0), I32Const(1<<20-1), I32Const(2<<20), []byte{0xfc, 10, 0, 0}),
		"copy around":  Join(I32Const(-2), I32Const(-2), I32Const(4), []byte{0xfc, 10, 0, 0}),
		"load beyond":  Join(I32Const(-4), []byte{0x28, 2}, U32(most), dropped),
		"store beyond": Join(I32Const(-4), I32Const(1), []byte{0x36, 2, 0}),
	} {
		add(code, "out of bounds memory access", "%s", name)
	}
	add(Join(I32Const(0), I32Const(1), I32Const(-1), []byte{0xfc, 11, 0}), OutOfTime,
		"fill 4 GiB, which is charged before it is found to be beyond")
	// The progress cell lies in the region; all of the memory is overwritten and then walked.
	add(Join(I32Const(0), I32Const(0xff), I32Const(1<<20), []byte{0xfc, 11, 0}, Unreachable()),
		"trapped: unreachable", "overwrite the progress cell")
	return list
}

// bombs take all memory they can get and then do something to all of it, for ever.
func bombs() []Specimen {
	null, all := I32Const(0), Join([]byte{0x3f, 0}, I32Const(16), []byte{0x74}) // memory.size << 16
	less := Join(all, I32Const(8), []byte{0x6b})
	// A page at a time, until the host says no.
	grow := Join([]byte{0x03, 0x40}, I32Const(1), []byte{0x40, 0}, I32Const(-1),
		[]byte{0x47, 0x0d, 0}, ended)
	// A load or store in every line of the cache, at the address in parameter 0.
	walk := func(touch []byte) []byte {
		return round(Join(touch, []byte{0x20, 0}, I32Const(64), []byte{0x6a}, less,
			[]byte{0x71, 0x21, 0}))
	}
	var list []Specimen
	for name, code := range map[string][]byte{
		"grow and trap": Unreachable(),
		"fill":          round(Join(null, I32Const(1), all, []byte{0xfc, 11, 0})),
		"copy up":       round(Join(I32Const(8), null, less, []byte{0xfc, 10, 0, 0})),
		"copy down":     round(Join(null, I32Const(8), less, []byte{0xfc, 10, 0, 0})),
		"walk, load":    walk([]byte{0x20, 0, 0x28, 2, 0, 0x1a}),
		"walk, store":   walk(Join([]byte{0x20, 0}, I32Const(1), []byte{0x36, 2, 0})),
	} {
		s := Specimen{"bomb, " + name, doing(Join(grow, code)).Module(), OutOfTime}
		if name == "grow and trap" {
			s.Text = "trapped: unreachable"
		}
		list = append(list, s)
	}
	return list
}

func tables() []Specimen {
	var list []Specimen
	add := func(limits []byte, code []byte, text, format string, args ...any) {
		g := doing(code)
		g.Tables = [][]byte{Join([]byte{FuncRef}, limits)}
		list = append(list, Specimen{"table, " + fmt.Sprintf(format, args...), g.Module(), text})
	}
	bounded := Join([]byte{1}, U32(8), U32(1<<16))
	null := []byte{0xd0, FuncRef}
	for _, n := range []int32{0, 1, 1000, 1 << 16, -1} {
		grow := Join(null, I32Const(n), []byte{0xfc, 15, 0}, dropped)
		add(bounded, grow, "", "grow by %d", n)
		add(bounded, round(grow), OutOfTime, "grow by %d for ever", n)
		add(bounded, round(Join(I32Const(0), null, I32Const(n&7), []byte{0xfc, 17, 0})), OutOfTime,
			"fill %d for ever", n)
	}
	grow := Join(null, I32Const(1), []byte{0xfc, 15, 0}, dropped)
	add([]byte{0, 1}, grow, "grows tables", "without a maximum")
	add(Join([]byte{1}, U32(8), U32(TableElements+1)), grow, "the limit is 65536",
		"too large a maximum")
	add(Join([]byte{0}, U32(1<<30)), nil, "the limit is 65536", "too large")
	add(bounded, Join(I32Const(8), []byte{0x25, 0}, dropped), "table access", "read beyond")
	add(bounded, Join(I32Const(-1), null, []byte{0x26, 0}), "table access", "write beyond")
	add(bounded, Join(I32Const(7), null, I32Const(2), []byte{0xfc, 17, 0}), "table access",
		"fill beyond")
	add(bounded, Join(I32Const(7), []byte{0x11, TypeVoid, 0}), "table access", "call nothing")
	add(bounded, Join(I32Const(most>>1), []byte{0x11, TypeVoid, 0}), "table access", "call beyond")
	return list
}

// sizes are modules that are too much of something.
func sizes() []Specimen {
	var list []Specimen
	add := func(name, text string, code []byte) {
		list = append(list, Specimen{"size, " + name, doing(code).Module(), text})
	}
	for name, open := range map[string][]byte{
		"blocks": {0x02, 0x40}, "loops": {0x03, 0x40}, "ifs": {0x41, 0, 0x04, 0x40},
	} {
		add("100,000 nested "+name, "nested blocks",
			Join(repeated(100_000, open), repeated(100_000, ended)))
		add("1,000 nested "+name, "", Join(repeated(1_000, open), repeated(1_000, ended)))
	}
	const bodyMax = 8 << 20
	add("a function of 8 MiB", "bytes in a function", repeated(bodyMax, []byte{0x01}))
	add("a function of 1 MiB of nothing", "", repeated(1<<20, []byte{0x01}))
	add("a branch table of 70,000", "branch targets",
		Join([]byte{0x02, 0x40, 0x41, 0, 0x0e}, U32(70_000), repeated(70_001, []byte{0}), ended))
	add("100,000 branches to one label", "squared branches", Join([]byte{0x02, 0x40},
		repeated(100_000, []byte{0x41, 0, 0x0d, 0}), ended))
	return list
}
