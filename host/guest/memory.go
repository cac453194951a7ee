package guest

import (
	"bytes"
	"sync"

	"github.com/tetratelabs/wazero/experimental"
)

const (
	// roomsKept is how many rooms of closed instances a module keeps for its next ones: a task
	// has one instance at a time, and a swap or a record that is tried alone one more.
	roomsKept = 4
	// roomClearedBytes is how much of a room is cleared in place. What is beyond goes back to the
	// system, which costs nothing where it was not touched.
	roomClearedBytes = 1 << 20
	// pageBytes is the grain in which memory is cleared.
	pageBytes = 4 << 10
)

// linear makes the linear memory of one instance. All the room it may grow to is set aside at once,
// and the system gives memory for what is touched: so growing copies nothing, which for a large
// memory would keep Go's collector waiting for tens of milliseconds, and what an instance had is
// gone when it is closed, not when the collector has found that out.
//
// Views of it are dead, and deadly, once the instance is closed.
type linear struct {
	rooms *rooms
	made  experimental.LinearMemory
}

// Allocate implements experimental.MemoryAllocator.
func (l *linear) Allocate(_, most uint64) experimental.LinearMemory {
	l.made = &heapMemory{}
	if room := l.rooms.take(most); room != nil {
		l.made = &mappedMemory{rooms: l.rooms, room: room}
	}
	return l.made
}

// free is for an instance that did not come to be, of which the engine forgets what it had.
func (l *linear) free() {
	if l.made != nil {
		l.made.Free()
	}
}

// rooms maps memory for the instances of one module, and keeps some of what they had for the next:
// a guest that traps at every record has an instance for each, and each mapping and unmapping
// interrupts every processor that works for this process, which are those of other pipelines.
//
// What is kept is zero throughout, as fresh memory is.
type rooms struct {
	mu     sync.Mutex
	kept   [][]byte
	closed bool
}

// take returns a room of so many zeros, or nil where there is none to be had.
func (r *rooms) take(size uint64) []byte {
	if room := r.pop(size); room != nil {
		return room
	}
	return mapMemory(size)
}

func (r *rooms) pop(size uint64) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.kept) - 1
	if last < 0 || uint64(len(r.kept[last])) != size {
		return nil
	}
	room := r.kept[last]
	r.kept = r.kept[:last]
	return room
}

// put takes back a room of which nothing beyond used was written.
func (r *rooms) put(room []byte, used uint64) {
	near := min(used, roomClearedBytes)
	if dropPages(room[near:used]) {
		clearPages(room[:near])
		if r.push(room) {
			return
		}
	}
	unmapMemory(room)
}

// clearPages makes b zero. Most pages of a guest that ended early are still zero, and to look at them
// leaves more of the processor's caches to others than to write them.
func clearPages(b []byte) {
	var zeros [pageBytes]byte
	for len(b) > 0 {
		page := b[:min(len(b), pageBytes)]
		if !bytes.Equal(page, zeros[:len(page)]) {
			clear(page)
		}
		b = b[len(page):]
	}
}

func (r *rooms) push(room []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.kept) == roomsKept {
		return false
	}
	r.kept = append(r.kept, room)
	return true
}

// close gives back what is kept, and what is put from now on.
func (r *rooms) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, room := range r.kept {
		unmapMemory(room)
	}
	r.kept = nil
}

// mappedMemory is a range of addresses of which the first part is the guest's memory.
type mappedMemory struct {
	rooms *rooms
	room  []byte
	used  uint64 // memory never shrinks
}

// Reallocate implements experimental.LinearMemory.
func (m *mappedMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.room)) {
		return nil
	}
	m.used = max(m.used, size)
	return m.room[:size:size]
}

// Free implements experimental.LinearMemory. It is idempotent.
func (m *mappedMemory) Free() {
	if m.room != nil {
		m.rooms.put(m.room, m.used)
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
