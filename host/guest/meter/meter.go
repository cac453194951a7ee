package meter

import (
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// Version names what Rewrite makes of a module. It changes with every change of the result, and of
// prices too: compiled code is kept under it, and the same record has to get the same verdict.
const Version = "4"

// Rewrite returns the module with checks in it. m must have passed wasm.Parse. Custom sections are
// left out, save for the names of functions. The error is ErrReserved, or tells of a bug.
func Rewrite(m *wasm.Module) (out []byte, err error) {
	defer func() {
		// Modules are input, and input never panics the host.
		if r := recover(); r != nil {
			out, err = nil, fmt.Errorf("%w: %v", ErrBug, r)
		}
	}()
	funcs, g := analyse(m)
	l, err := newLayout(m)
	if err != nil {
		return nil, err
	}
	e := &emitter{layout: l, funcs: funcs, graph: g, largeSegments: dataBytes(m) > chunkBytes}
	e.findInits()
	l.patch.Body = e.emit
	return m.AppendPatched(make([]byte, 0, sizeOf(m)), &l.patch), nil
}

// sizeOf is a generous guess of the result's size: checks add a fifth to a third.
func sizeOf(m *wasm.Module) int { return len(m.Bytes) + len(m.Bytes)/2 }

// analyse learns what is to be known of the functions before anything is written.
func analyse(m *wasm.Module) ([]function, *graph) {
	classes := newClasses(m)
	s := scanner{m: m, classes: classes, seen: make(map[uint32]struct{})}
	funcs := make([]function, len(m.Bodies))
	for i := range funcs {
		funcs[i] = s.scan(i)
	}
	classes.collect()
	p := pricer{m: m, funcs: funcs, classes: classes, dearest: make([]int64, classes.count)}
	g := &graph{funcs: funcs, classes: classes}
	g.components(func(members []uint32, recursive bool) {
		for _, i := range members {
			funcs[i].recursive = recursive
		}
		for _, i := range members {
			p.prepare(i)
		}
		for _, i := range members {
			p.price(i)
		}
	})
	for i := range funcs {
		funcs[i].saves = !funcs[i].recursive && slices.ContainsFunc(funcs[i].calls, g.recurses)
	}
	return funcs, g
}

// dataBytes is more than any data segment holds.
func dataBytes(m *wasm.Module) int {
	for _, s := range m.Sections {
		if s.ID == wasm.SectionData {
			return s.End - s.Body
		}
	}
	return 0
}
