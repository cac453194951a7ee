package hostile_test

import (
	"math"

	"github.com/wasmflow/wasmflow/abi"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// most is the largest count, length and address there is.
const most = math.MaxUint32

// preamble and one section of which only the beginning is there.
func announces(id byte, payload ...[]byte) []byte { return Module(Section(id, payload...)) }

func code(body []byte) []byte {
	return Module(Section(Types, Vec(Type(nil, nil))), Section(Functions, Vec(U32(0))),
		Section(Code, Vec(body)))
}

func builtBinaries() map[string][]byte {
	room := make([]byte, 8)
	grow := []byte{0xd0, FuncRef, 0x41, 0, 0xfc, 0x0f, 0} // ref.null func, i32.const 0, table.grow 0
	return map[string][]byte{
		"locals":         code(BodyWithLocals([][]byte{Join(U32(most), []byte{I32})})),
		"types":          announces(Types, U32(most)),
		"parameters":     announces(Types, U32(1), []byte{0x60}, U32(most), room),
		"functions":      announces(Functions, U32(most)),
		"data-segments":  announces(Data, U32(most)),
		"name-length":    announces(Imports, U32(1), U32(most), room),
		"section-length": Module([]byte{Types}, U32(most)),
		"branch-table":   code(Body(Join([]byte{0x0e}, U32(most))...)),
		"table-size":     Guest{Tables: [][]byte{Join([]byte{FuncRef, 0}, U32(most))}}.Module(),
		"table-growth":   Guest{Tables: [][]byte{{FuncRef, 0, 1}}, Process: grow}.Module(),
		"memory-minimum": Guest{Pages: 65_536}.Module(),
		"two-memories":   announces(Memories, Vec([]byte{0, 1}, []byte{0, 1})),
		"shared-memory":  announces(Memories, Vec([]byte{3, 1, 1})),
		"start-function": Guest{Start: Forever()}.Module(),
		"unbalanced":     Guest{Process: []byte{0x6a}}.Module(), // i32.add
		"truncated":      Guest{}.Module()[:200],
	}
}

func builtStrangers() map[string][]byte {
	imports := func(i []byte) []byte { return Guest{Imports: [][]byte{i}}.Module() }
	return map[string][]byte{
		"component": {0, 'a', 's', 'm', 0x0d, 0, 1, 0},
		"no-abi":    Guest{Exports: [][]byte{Export("run", Func, 0)}}.Module(),
		"abi-v2": Guest{Without: []string{abi.ExportMarker},
			Also: [][]byte{Export(abi.ExportMarkerPrefix+"2", Func, 0)}}.Module(),
		"abi-minor":       Guest{Marker: I32Const(-1)}.Module(),
		"unknown-import":  imports(Import("env", "system", Func, TypeReserve)),
		"import-type":     imports(Import("wasmflow", "log", Func, TypeVoid)),
		"imported-memory": announces(Imports, Vec(Import("env", "memory", Memory, 0, 1))),
	}
}

func packed(ptr, size uint32) []byte { return I64Const(int64(abi.Pack(ptr, size))) }

func builtDescriptions() map[string][]byte {
	const head = `{"name":"hostile","version":"1","functions":[`
	return map[string][]byte{
		"describe-text":      Guest{Description: "A guest.\x1b[2J\r\nOf sorts."}.Module(),
		"describe-outside":   Guest{Describe: packed(most-15, 64)}.Module(),
		"describe-size":      Guest{Describe: packed(DescriptionAt, most)}.Module(),
		"describe-trap":      Guest{Describe: Unreachable()}.Module(),
		"describe-loop":      Guest{Describe: Join(Forever(), I64Const(0))}.Module(),
		"initialize-loop":    Guest{Initialize: Forever()}.Module(),
		"describe-functions": repeats(head+"{}", ",{}", 18, "]}"),
		"describe-columns": repeats(head+`{"name":"f","role":"transform","columns":["x"`, `,"x"`, 17,
			"]}]}"),
		"describe-depth": repeats(`{"name":"hostile","config_schema":`, "[", 19, ""),
	}
}

// repeats is a guest whose description is head, 2^doublings times part, and tail. It puts that
// together itself, so that the file stays small.
func repeats(head, part string, doublings int, tail string) []byte {
	const tailAt = 16
	size := len(part)
	at := DescriptionAt + len(head)
	copies := func(to, from, n int) []byte { // memory.copy
		return Join(I32Const(int32(to)), I32Const(int32(from)), I32Const(int32(n)),
			[]byte{0xfc, 0x0a, 0, 0})
	}
	var describe []byte
	for range doublings {
		describe = append(describe, copies(at+size, at, size)...)
		size *= 2
	}
	describe = append(describe, copies(at+size, tailAt, len(tail))...)
	describe = append(describe, packed(DescriptionAt, uint32(len(head)+size+len(tail)))...)
	return Guest{
		Description: head + part, Describe: describe, Pages: 17,
		Data: [][]byte{DataAt(tailAt, []byte(tail))},
	}.Module()
}

func builtOpenings() map[string][]byte {
	refusal := `{"field":"rate","message":"must be below 100"}`
	return map[string][]byte{
		"refuses-config": Guest{Open: packed(OutputAt, uint32(len(refusal))),
			Data: [][]byte{DataAt(OutputAt, []byte(refusal))}}.Module(),
		"refusal-outside":   Guest{Open: packed(most-15, 64)}.Module(),
		"refusal-size":      Guest{Open: packed(0, 1<<20)}.Module(),
		"open-trap":         Guest{Open: Unreachable()}.Module(),
		"reserve-nothing":   Guest{Reserve: I32Const(0)}.Module(),
		"reserve-outside":   Guest{Reserve: I32Const(-8)}.Module(),
		"reserve-unaligned": Guest{Reserve: I32Const(RegionAt + 4)}.Module(),
	}
}
