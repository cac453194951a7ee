package guestwork

import (
	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// padStores is how many stores, of ten to sixteen bytes of machine code, a layout adds.
const padStores = 2

// Pad moves all functions of a module but the first, by making that one longer (K2). Layout 0 adds
// nothing to it. A script that the module carries stays; other custom sections are dropped.
func Pad(binary []byte, layout int) ([]byte, error) {
	m, err := wasm.Parse(binary)
	if err != nil {
		return nil, err
	}
	var stores []byte
	for i := range layout * padStores {
		stores = wasm.AppendS64(wasm.AppendOp(stores, wasm.OpI32Const), int64(i+1))
		stores = wasm.AppendU32(wasm.AppendOp(stores, wasm.OpGlobalSet), uint32(len(m.Globals)))
	}
	padded := m.AppendPatched(nil, &wasm.Patch{
		Globals: []wasm.GlobalDef{{Type: wasm.I32}},
		Body: func(dst []byte, i int) []byte {
			b := &m.Bodies[i]
			dst = append(dst, binary[b.Start:b.Code]...)
			if i == 0 {
				dst = append(dst, stores...)
			}
			return append(dst, binary[b.Code:b.End]...)
		},
	})
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCustom && s.Name == abi.SectionScript {
			padded = append(padded, binary[s.Start:s.End]...)
		}
	}
	return padded, nil
}
