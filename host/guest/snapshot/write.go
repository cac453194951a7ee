package main

import (
	"slices"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// gapMin is how many zeros end a segment: another one takes some ten bytes.
const gapMin = 32

// write returns m with another beginning of its memory and without _initialize.
func write(m *wasm.Module, memory []byte) []byte {
	first := m.Sections[0].Start
	out := slices.Clone(m.Bytes[:first])
	for _, s := range m.Sections {
		switch s.ID {
		case wasm.SectionMemory:
			out = section(out, s.ID, limits(m.Memories[0], uint32(len(memory)/wasm.PageSize)))
		case wasm.SectionExport:
			out = section(out, s.ID, exports(m))
		case wasm.SectionData:
			out = section(out, s.ID, data(memory))
		default:
			out = append(out, m.Bytes[s.Start:s.End]...)
		}
	}
	return out
}

func section(out []byte, id wasm.SectionID, payload []byte) []byte {
	out = wasm.AppendU32(append(out, byte(id)), uint32(len(payload)))
	return append(out, payload...)
}

// limits is the section of one memory that begins with so many pages.
func limits(old wasm.Limits, pages uint32) []byte {
	if old.HasMax {
		return wasm.AppendU32(wasm.AppendU32([]byte{1, 1}, pages), old.Max)
	}
	return wasm.AppendU32([]byte{1, 0}, pages)
}

func exports(m *wasm.Module) []byte {
	kept := slices.DeleteFunc(slices.Clone(m.Exports), func(e wasm.Export) bool {
		return e.Name == abi.ExportInitialize
	})
	b := wasm.AppendU32(nil, uint32(len(kept)))
	for _, e := range kept {
		b = append(wasm.AppendU32(b, uint32(len(e.Name))), e.Name...)
		b = wasm.AppendU32(append(b, byte(e.Kind)), e.Index)
	}
	return b
}

// data is the section of what memory holds but for long runs of zeros.
func data(memory []byte) []byte {
	var b []byte
	count := uint32(0)
	for at := 0; at < len(memory); {
		if memory[at] == 0 {
			at++
			continue
		}
		end, zeros := at, 0
		for i := at; i < len(memory) && zeros < gapMin; i++ {
			zeros++
			if memory[i] != 0 {
				end, zeros = i+1, 0
			}
		}
		b = append(b, 0, byte(wasm.OpI32Const)) // an active segment
		b = append(wasm.AppendS64(b, int64(int32(uint32(at)))), byte(wasm.OpEnd))
		b = append(wasm.AppendU32(b, uint32(end-at)), memory[at:end]...)
		count++
		at = end
	}
	return append(wasm.AppendU32(nil, count), b...)
}
