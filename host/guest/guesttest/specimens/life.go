package specimens

import (
	"encoding/binary"
	"fmt"

	"github.com/wasmflow/wasmflow/abi"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// numbers are what may stand where another number was expected.
func numbers() []int32 {
	return []int32{0, 1, 7, 8, RegionAt - 1, memorySize - 8, memorySize - 1, memorySize, 1 << 30,
		-1 << 31, -8, -1}
}

// steps are attacks at every step of a guest's life.
func steps() []Specimen {
	places := map[string]func(g *Guest, code []byte){
		"marker":      func(g *Guest, code []byte) { g.Marker = Join(code, I32Const(0)) },
		"describe":    func(g *Guest, code []byte) { g.Describe = Join(code, I64Const(0)) },
		"open":        func(g *Guest, code []byte) { g.Open = Join(code, I64Const(0)) },
		"reserve":     func(g *Guest, code []byte) { g.Reserve = Join(code, I32Const(RegionAt)) },
		"process":     func(g *Guest, code []byte) { g.Process = Join(code, I32Const(0)) },
		"_initialize": func(g *Guest, code []byte) { g.Initialize = code },
		"_start":      func(g *Guest, code []byte) { g.StartExport = code },
	}
	attacks := []struct {
		name, text string
		code       []byte
	}{
		{"unreachable", "unreachable", Unreachable()},
		{"out of bounds", "out of bounds memory access", Join(I32Const(-1), []byte{0x28, 2, 0}, dropped)},
		{"division by zero", "integer divide by zero",
			Join(I32Const(1), I32Const(0), []byte{0x6d}, dropped)},
		{"overflow", "integer overflow", Join([]byte{0x43, 0, 0, 0x80, 0x7f, 0xa8}, dropped)},
		{"exit", "exit with code 7", Join(I32Const(7), Call(0))},
		{"abort", "abort: ", Join(I32Const(0), I32Const(0), I32Const(0), I32Const(0), Call(1))},
		{"loop", OutOfTime, Forever()},
		{"recursion", OutOfStack, Call(10)},
		{"log beyond memory", "beyond the memory",
			Join(I32Const(0), I32Const(-8), I32Const(64), Call(2))},
	}
	var list []Specimen
	for place, put := range places {
		for _, a := range attacks {
			g := Guest{Imports: [][]byte{
				Import("wasi_snapshot_preview1", "proc_exit", Func, TypeExit),
				Import("env", "abort", Func, TypeAbort), Import("wasmflow", "log", Func, TypeLog),
			}}
			code := a.code
			if a.name == "recursion" {
				g.More = [][]byte{Call(g.FirstFunction() + 8)}
				code = Call(g.FirstFunction() + 8)
			}
			put(&g, code)
			list = append(list, Specimen{"step, " + a.name + " in " + place, g.Module(), a.text})
		}
	}
	for name, code := range map[string][]byte{
		"loop": Forever(), "trap": Unreachable(), "recursion": Call(5),
	} {
		list = append(list, Specimen{"step, " + name + " at the start", Guest{Start: code}.Module(),
			"has a start function"})
	}
	for _, v := range numbers() {
		list = append(list,
			Specimen{fmt.Sprintf("step, reserve returns %d", v), Guest{Reserve: I32Const(v)}.Module(), ""},
			Specimen{fmt.Sprintf("step, process returns %d", v), Guest{Process: I32Const(v)}.Module(), ""},
			Specimen{fmt.Sprintf("step, describe returns %d", v), Guest{Describe: packed(uint32(v),
				uint32(v))}.Module(), "specimen.wasm: "},
			Specimen{fmt.Sprintf("step, open returns %d", v), Guest{Open: packed(uint32(v),
				uint32(v))}.Module(), ""})
	}
	return list
}

// answers are outputs in which one field has another number, whatever that means.
func answers() []Specimen {
	var list []Specimen
	for offset := 0; offset < abi.OutputHeaderSize+2*abi.CoreOutSize; offset += 4 {
		for _, v := range []uint32{0, 1, 1 << 20, 1 << 31, most - 7, most} {
			answer := honest()
			if binary.LittleEndian.Uint32(answer[offset:]) == v {
				continue
			}
			binary.LittleEndian.PutUint32(answer[offset:], v)
			g := Guest{Process: I32Const(OutputAt), Data: [][]byte{DataAt(OutputAt, answer)}}
			list = append(list, Specimen{
				fmt.Sprintf("answer, %#x at %d", v, offset), g.Module(), "",
			})
		}
	}
	return list
}

// honest is an output that passes a batch of one record on. Behind its entry is room for another.
func honest() []byte {
	b := make([]byte, abi.OutputHeaderSize+2*abi.CoreOutSize)
	put := binary.LittleEndian.PutUint32
	put(b[abi.OutputOffSize:], abi.OutputHeaderSize)
	put(b[abi.OutputOffConsumed:], 1)
	put(b[abi.OutputOffCount:], 1)
	put(b[abi.OutputOffCorePtr:], OutputAt+abi.OutputHeaderSize)
	put(b[abi.OutputOffCoreStride:], abi.CoreOutSize)
	const same = abi.OutSameKey | abi.OutSameValue | abi.OutSameHeaders | abi.OutSameTimestamp
	binary.LittleEndian.PutUint16(b[abi.OutputHeaderSize+abi.CoreOutOffFlags:], uint16(same))
	return b
}

// arguments are calls of the host with addresses and lengths that are not there.
func arguments() []Specimen {
	calls := []struct {
		module, name string
		params       int
		typ          uint32
	}{
		{"wasmflow", "log", 3, TypeLog},
		{"wasi_snapshot_preview1", "random_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "environ_sizes_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "args_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "clock_res_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "fd_fdstat_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "fd_filestat_get", 2, TypeExtra},
		{"wasi_snapshot_preview1", "fd_prestat_get", 2, TypeExtra},
	}
	var list []Specimen
	for _, c := range calls {
		for _, v := range numbers() {
			code := Join(repeated(c.params, I32Const(v)), Call(0))
			if c.typ == TypeExtra {
				code = Join(code, dropped)
			}
			for name, code := range map[string][]byte{"once": code, "for ever": round(code)} {
				g := doing(code)
				g.Imports = [][]byte{Import(c.module, c.name, Func, byte(c.typ))}
				g.Type = Type([]byte{I32, I32}, []byte{I32})
				s := Specimen{Name: fmt.Sprintf("argument, %s of %d %s", c.name, v, name), Module: g.Module()}
				if name == "for ever" && c.name != "log" {
					s.Text = OutOfTime
				}
				list = append(list, s)
			}
		}
	}
	return list
}
