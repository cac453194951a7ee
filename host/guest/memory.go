package guest

import "github.com/tetratelabs/wazero/experimental"

// linear makes the linear memory of one instance. All the room it may grow to is set aside at once,
// and the system gives memory for what is touched: so growing copies nothing, which for a large
// memory would keep Go's collector waiting for tens of milliseconds, and what an instance had is
// gone when it is closed, not when the collector has found that out.
//
// Views of it are dead, and deadly, once the instance is closed.
type linear struct{ made experimental.LinearMemory }

// Allocate implements experimental.MemoryAllocator.
func (l *linear) Allocate(_, most uint64) experimental.LinearMemory {
	l.made = &heapMemory{}
	if room := mapMemory(most); room != nil {
		l.made = &mappedMemory{room}
	}
	return l.made
}

// free is for an instance that did not come to be, of which the engine forgets what it had.
func (l *linear) free() {
	if l.made != nil {
		l.made.Free()
	}
}

// mappedMemory is a range of addresses of which the first part is the guest's memory.
type mappedMemory struct{ room []byte }

// Reallocate implements experimental.LinearMemory.
func (m *mappedMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.room)) {
		return nil
	}
	return m.room[:size:size]
}

// Free implements experimental.LinearMemory. It is idempotent.
func (m *mappedMemory) Free() {
	if m.room != nil {
		unmapMemory(m.room)
		m.room = nil
	}
}

// heapMemory is for systems that do not set room aside, or have none.
type heapMemory struct{ bytes []byte }

// Reallocate implements experimental.LinearMemory.
func (m *heapMemory) Reallocate(size uint64) []byte {
	m.bytes = append(m.bytes, make([]byte, size-uint64(len(m.bytes)))...)
	return m.bytes
}

// Free implements experimental.LinearMemory.
func (m *heapMemory) Free() { m.bytes = nil }
