package wasmflow

import "unsafe"

const (
	// chunkBytes is the size of a chunk of the arena: the output of a call at the host's default
	// soft limit fits a few.
	chunkBytes = 256 << 10
	// arenaKeepBytesMax bounds what an arena keeps over a reset, so that one huge record does not
	// hold its memory for the rest of the job.
	arenaKeepBytesMax = 8 << 20
)

// arena holds the bytes of the outputs of one call. Chunks stay where they are, so addresses do.
type arena struct {
	memory *memory
	chunks [][]byte
	chunk  int     // index of the current chunk
	cur    []byte  // the current chunk
	base   uintptr // of cur
	used   int     // bytes of it in use

	// The part of cur that the last Buffer handed out, and how far of it was emitted.
	bufferStart, bufferEnd, bufferHeld int
}

// arenaMark is a place to rewind to.
type arenaMark struct{ chunk, used int }

// reset empties the arena.
func (a *arena) reset() {
	total := 0
	for _, c := range a.chunks {
		total += len(c)
	}
	if total > arenaKeepBytesMax {
		for _, c := range a.chunks {
			a.memory.forget(unsafe.Pointer(&c[0]))
		}
		a.chunks = nil
	}
	a.rewind(arenaMark{})
}

func (a *arena) mark() arenaMark {
	a.releaseBuffer()
	return arenaMark{a.chunk, a.used}
}

func (a *arena) rewind(m arenaMark) {
	if a.chunk != m.chunk || len(a.chunks) == 0 {
		a.chunk = m.chunk
		a.enter()
	}
	a.used = m.used
	a.bufferStart, a.bufferEnd, a.bufferHeld = 0, 0, 0
}

// alloc returns n bytes. They hold whatever was there before.
func (a *arena) alloc(n int) []byte {
	if n > len(a.cur)-a.used || a.cur == nil { // no bytes of no chunk would be null
		a.nextChunk(n)
	}
	p := a.cur[a.used : a.used+n : a.used+n]
	a.used += n
	return p
}

// nextChunk makes the current chunk one with room for n bytes.
func (a *arena) nextChunk(n int) {
	a.bufferStart, a.bufferEnd, a.bufferHeld = 0, 0, 0
	if a.cur != nil {
		a.chunk++
	}
	for a.chunk < len(a.chunks) && len(a.chunks[a.chunk]) < n {
		a.chunk++
	}
	if a.chunk == len(a.chunks) {
		c := make([]byte, max(n, chunkBytes))
		a.memory.know(unsafe.Pointer(&c[0]), len(c))
		a.chunks = append(a.chunks, c)
	}
	a.enter()
	a.used = 0
}

// enter makes the chunk that a.chunk counts to the current one.
func (a *arena) enter() {
	a.cur, a.base = nil, 0
	if a.chunk < len(a.chunks) {
		a.cur = a.chunks[a.chunk]
		a.base = uintptr(unsafe.Pointer(&a.cur[0]))
	}
}

// buffer returns an empty slice with room for n bytes that nothing else uses. What is emitted of it
// need not be copied.
func (a *arena) buffer(n int) []byte {
	if a.bufferHeld > a.bufferStart {
		a.releaseBuffer()
	}
	p := a.alloc(n)
	a.bufferStart, a.bufferEnd, a.bufferHeld = a.used-n, a.used, a.used-n
	return p[:0]
}

// releaseBuffer gives back what of the last buffer was not emitted, if nothing stands behind it.
func (a *arena) releaseBuffer() {
	if a.used == a.bufferEnd && a.bufferEnd > a.bufferStart {
		a.used = a.bufferHeld
	}
	a.bufferStart, a.bufferEnd, a.bufferHeld = 0, 0, 0
}

// holds reports whether p is in the current chunk's used part, where it will stay as it is; size
// bytes of it are emitted.
func (a *arena) holds(p unsafe.Pointer, size int) bool {
	at := int(uintptr(p) - a.base)
	if uint(at) >= uint(a.used) { // an empty arena has nothing in use
		return false
	}
	if at >= a.bufferStart && at < a.bufferEnd {
		a.bufferHeld = max(a.bufferHeld, at+size)
	}
	return true
}
