// Memory outside the collector's heap: what functions emit stays where it is until the next call,
// and the memory is used again then.

/** The size of a chunk, unless a single piece needs more. */
const CHUNK_BYTES: usize = 64 << 10;

// A bump allocator over chunks that never move: base and size of each.
const bases: usize[] = [];
const sizes: usize[] = [];
let current: i32 = -1;
let base: usize = 0;
let top: usize = 0;
let end: usize = 0;

function enter(chunk: i32): void {
  current = chunk;
  base = unchecked(bases[chunk]);
  top = base;
  end = base + unchecked(sizes[chunk]);
}

/** Makes all of the arena free. */
export function arenaReset(): void {
  if (bases.length > 0) enter(0);
}

/** Returns n bytes that nobody else has. */
export function arenaAlloc(n: usize): usize {
  if (n > end - top) arenaChunk(n);
  const p = top;
  top += n;
  return p;
}

function arenaChunk(n: usize): void {
  const next = current + 1;
  for (let i = next; i < bases.length; i++) {
    if (sizes[i] < n) continue;
    // Those between are not lost to this call: they come behind.
    const b = bases[i], s = sizes[i];
    bases[i] = bases[next]; sizes[i] = sizes[next];
    bases[next] = b; sizes[next] = s;
    enter(next);
    return;
  }
  const size = max(n, CHUNK_BYTES);
  bases.push(heap.alloc(size));
  sizes.push(size);
  const last = bases.length - 1;
  const b = bases[last], s = sizes[last];
  bases[last] = bases[next]; sizes[last] = sizes[next];
  bases[next] = b; sizes[next] = s;
  enter(next);
}

/** Gives back the end of the piece [p, p + n), of which used bytes are kept, if it is the last. */
export function arenaShrink(p: usize, n: usize, used: usize): void {
  if (p + n == top) top = p + used;
}

/** Reports whether p lies in the arena. */
export function arenaHolds(p: usize): bool {
  if (p - base < top - base) return true;
  for (let i = 0; i < current; i++) {
    if (p - unchecked(bases[i]) < unchecked(sizes[i])) return true;
  }
  return false;
}

/** A table of entries of one size, which grows and is used again. */
@unmanaged @final
export class Table {
  base: usize = 0;
  count: i32 = 0;
  capacity: i32 = 0;

  constructor(public size: i32) {}

  /** Adds an entry, whose bytes are undefined, and returns its address. */
  @inline
  add(): usize {
    if (this.count == this.capacity) this.grow(this.count + 1);
    return this.base + <usize>(this.count++) * this.size;
  }

  /** The address of entry i. */
  @inline
  at(i: i32): usize { return this.base + <usize>i * this.size; }

  /** Makes room for n entries at least. */
  grow(n: i32): void {
    const capacity = max(n, max(this.capacity * 2, 64));
    const to = heap.alloc(<usize>capacity * this.size);
    memory.copy(to, this.base, <usize>this.count * this.size);
    if (this.base != 0) heap.free(this.base);
    this.base = to;
    this.capacity = capacity;
  }
}
