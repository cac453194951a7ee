//go:build !wasip1

package wasmflow

import (
	"slices"
	"unsafe"
)

// memory gives 32-bit addresses to Go memory, so that the code for WebAssembly runs natively. It
// is a list of segments with made-up addresses that rise from segment to segment.
type memory struct {
	segments []segment
	next     uint32
}

type segment struct {
	p    unsafe.Pointer
	size int
	base uint32
}

// segmentAlign keeps segments apart and aligned like the pages of WebAssembly would.
const segmentAlign = 1 << 10

// know gives addresses to size bytes at p.
func (m *memory) know(p unsafe.Pointer, size int) {
	m.forget(p)
	if m.next == 0 {
		m.next = segmentAlign // address 0 means nothing
	}
	m.segments = append(m.segments, segment{p, size, m.next})
	m.next += (uint32(size)/segmentAlign + 1) * segmentAlign
}

// forget takes the addresses of the segment that begins at p away.
func (m *memory) forget(p unsafe.Pointer) {
	m.segments = slices.DeleteFunc(m.segments, func(s segment) bool { return s.p == p })
	if len(m.segments) == 0 {
		m.next = 0
	}
}

// address returns the address of p in known memory, 0 if it is elsewhere. It does not keep p.
func (m *memory) address(p unsafe.Pointer) uint32 {
	for _, s := range m.segments {
		if at := uintptr(p) - uintptr(s.p); at < uintptr(s.size) {
			return s.base + uint32(at)
		}
	}
	return 0
}

// place returns the address of a table of size bytes at p, which becomes known where it is not.
func (m *memory) place(p unsafe.Pointer, size int) uint32 {
	for _, s := range m.segments {
		at := uintptr(p) - uintptr(s.p)
		if at < uintptr(s.size) && at+uintptr(size) <= uintptr(s.size) {
			return s.base + uint32(at)
		}
	}
	m.know(p, size)
	return m.address(p)
}

// image copies all segments to where their addresses say.
func (m *memory) image() []byte {
	out := make([]byte, m.next)
	for _, s := range m.segments {
		copy(out[s.base:], unsafe.Slice((*byte)(s.p), s.size))
	}
	return out
}
