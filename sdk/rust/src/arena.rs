//! Memory for what functions emit. Its bytes stay where they are until the next call and the
//! memory is used again then: in the long run nothing is allocated.

use std::cell::{Cell, RefCell};

/// The size of a chunk, unless a single piece needs more: a few of them hold the output of a frame.
const CHUNK_BYTES: usize = 64 << 10;

/// A bump allocator over chunks that never move.
pub struct Arena {
    chunks: RefCell<Vec<Vec<u8>>>,
    current: Cell<usize>,
    base: Cell<*mut u8>,
    top: Cell<*mut u8>,
    end: Cell<*mut u8>,
}

/// A place in the arena to go back to.
#[derive(Clone, Copy)]
pub struct Mark {
    chunk: usize,
    top: *mut u8,
}

impl Arena {
    pub fn new() -> Arena {
        let arena = Arena {
            chunks: RefCell::new(vec![vec![0; CHUNK_BYTES]]),
            current: Cell::new(0),
            base: Cell::new(std::ptr::null_mut()),
            top: Cell::new(std::ptr::null_mut()),
            end: Cell::new(std::ptr::null_mut()),
        };
        arena.enter(0);
        arena
    }

    /// Makes all of the memory free. Nothing that was handed out may be used any more.
    pub fn reset(&self) {
        self.enter(0);
    }

    fn enter(&self, chunk: usize) {
        let chunks = &mut self.chunks.borrow_mut();
        let base = chunks[chunk].as_mut_ptr();
        self.current.set(chunk);
        self.base.set(base);
        self.top.set(base);
        self.end.set(base.wrapping_add(chunks[chunk].len()));
    }

    /// Returns `n` bytes that nobody else has.
    #[inline]
    pub fn alloc(&self, n: usize) -> *mut u8 {
        let top = self.top.get();
        if n > self.end.get() as usize - top as usize {
            return self.alloc_elsewhere(n);
        }
        self.top.set(top.wrapping_add(n));
        top
    }

    #[cold]
    fn alloc_elsewhere(&self, n: usize) -> *mut u8 {
        let next = self.current.get() + 1;
        let fitting = {
            let mut chunks = self.chunks.borrow_mut();
            match (next..chunks.len()).find(|&i| chunks[i].len() >= n) {
                Some(i) => {
                    chunks.swap(next, i); // so that those between are not lost to this call
                    next
                }
                None => {
                    chunks.insert(next, vec![0; n.max(CHUNK_BYTES)]);
                    next
                }
            }
        };
        self.enter(fitting);
        let top = self.top.get();
        self.top.set(top.wrapping_add(n));
        top
    }

    /// Gives back the end of the piece of `n` bytes at `p`, of which `used` are kept, if nothing
    /// stands behind it.
    #[inline]
    pub fn shrink(&self, p: *mut u8, n: usize, used: usize) {
        if p.wrapping_add(n) == self.top.get() {
            self.top.set(p.wrapping_add(used));
        }
    }

    pub fn mark(&self) -> Mark {
        Mark { chunk: self.current.get(), top: self.top.get() }
    }

    /// Frees what was handed out since the mark.
    pub fn rewind(&self, mark: Mark) {
        if mark.chunk != self.current.get() {
            self.enter(mark.chunk);
        }
        self.top.set(mark.top);
    }

    /// Whether `b` lies in the arena.
    #[inline]
    pub fn holds(&self, b: &[u8]) -> bool {
        let p = b.as_ptr() as usize;
        let base = self.base.get() as usize;
        p.wrapping_sub(base) < self.top.get() as usize - base || self.holds_elsewhere(p)
    }

    fn holds_elsewhere(&self, p: usize) -> bool {
        let chunks = self.chunks.borrow();
        chunks[..self.current.get()].iter().any(|c| p.wrapping_sub(c.as_ptr() as usize) < c.len())
    }
}

/// Bytes under construction. A buffer that is emitted is not copied, since it is made where the
/// output is to be. It grows as a vector does, at the price of a copy.
pub struct Buffer<'a> {
    arena: &'a Arena,
    start: *mut u8,
    length: usize,
    capacity: usize,
}

impl<'a> Buffer<'a> {
    #[inline]
    pub(crate) fn new(arena: &'a Arena, capacity: usize) -> Buffer<'a> {
        Buffer { arena, start: arena.alloc(capacity), length: 0, capacity }
    }

    /// Appends a byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        self.extend_from_slice(&[byte]);
    }

    /// Appends bytes.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if bytes.len() > self.capacity - self.length {
            self.grow(bytes.len());
        }
        // SAFETY: there is room behind `length`, which is this buffer's own.
        unsafe {
            let end = self.start.add(self.length);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len());
        }
        self.length += bytes.len();
    }

    /// Appends what the bytes become under `f`: the loop has no bounds to check.
    #[inline]
    pub fn extend_mapped(&mut self, bytes: &[u8], f: impl Fn(u8) -> u8) {
        if bytes.len() > self.capacity - self.length {
            self.grow(bytes.len());
        }
        // SAFETY: there is room behind `length`, which is this buffer's own; the arena's memory is
        // initialized from the beginning.
        let to =
            unsafe { std::slice::from_raw_parts_mut(self.start.add(self.length), bytes.len()) };
        for (to, &from) in to.iter_mut().zip(bytes) {
            *to = f(from);
        }
        self.length += bytes.len();
    }

    #[cold]
    fn grow(&mut self, n: usize) {
        let capacity = (self.length + n).max(self.capacity * 2);
        self.arena.shrink(self.start, self.capacity, 0);
        let start = self.arena.alloc(capacity);
        // SAFETY: both pieces are at least `length` long. They overlap where the old one was the
        // last in its chunk.
        unsafe { std::ptr::copy(self.start, start, self.length) }
        self.start = start;
        self.capacity = capacity;
    }
}

impl std::ops::Deref for Buffer<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes up to `length` were written.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl std::ops::DerefMut for Buffer<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: the bytes up to `length` were written and are this buffer's own.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl std::fmt::Write for Buffer<'_> {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.extend_from_slice(s.as_bytes());
        Ok(())
    }
}

impl std::io::Write for Buffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for Buffer<'_> {
    fn drop(&mut self) {
        self.arena.shrink(self.start, self.capacity, self.length);
    }
}

impl AsRef<[u8]> for Buffer<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}
