import * as L from "./layout";
import { Table, arenaAlloc, arenaHolds } from "./memory";
import { frame, frameSize } from "./frame";
import { Bytes } from "./bytes";

// The tables of the output of the call at hand, used again for every call.

/** An optional column: empty until an entry sets it, then filled up with none. */
@unmanaged @final
export class OutColumn {
  table: Table;
  used: bool = false;

  constructor(public id: u32, size: i32, public none: i64) { this.table = new Table(size); }

  /** Makes the column n entries long and returns the address of the last of them. */
  fill(n: i32): usize {
    const t = this.table, size = t.size;
    while (t.count < n) {
      const p = t.add();
      if (size == 4) store<i32>(p, <i32>this.none);
      else for (let i = 0; i < size; i += 8) store<i64>(p + i, this.none);
    }
    this.used = true;
    return t.at(n - 1);
  }

  cut(n: i32): void { if (this.table.count > n) this.table.count = n; }

  publish(entries: i32): void {
    if (!this.used || entries == 0) return;
    this.fill(entries);
    publish(this.id, this.table);
  }
}

export const entries = new Table(32);
export const timestamps = new OutColumn(L.COLUMN_TIMESTAMP, 8, L.NO_TIMESTAMP);
export const targets = new OutColumn(L.COLUMN_TARGET, 4, -1);
export const partitions = new OutColumn(L.COLUMN_PARTITION, 4, -1);
export const buckets = new OutColumn(L.COLUMN_BUCKET, 4, -1);
export const errors = new OutColumn(L.COLUMN_ERROR, 16, 0);
export const headers = new OutColumn(L.COLUMN_HEADERS, 8, 0);
export const headerList = new Table(16);
export const strings = new Table(8);
const directory = new Table(16);
const header = heap.alloc(64);

/** Takes back all from these counts on. */
export function cut(toEntries: i32, toHeaders: i32, toStrings: i32): void {
  entries.count = toEntries;
  headerList.count = toHeaders;
  if (strings.count > toStrings) {
    strings.count = toStrings;
    rehash();
  }
  timestamps.cut(toEntries);
  targets.cut(toEntries);
  partitions.cut(toEntries);
  buckets.cut(toEntries);
  errors.cut(toEntries);
  headers.cut(toEntries);
}

export function reset(): void {
  cut(0, 0, 0);
  timestamps.used = targets.used = partitions.used = false;
  buckets.used = errors.used = headers.used = false;
  directory.count = 0;
  memory.fill(header, 0, 64);
  store<u32>(header, 64);
  store<u32>(header, 32, 32);
}

function publish(id: u32, table: Table): void {
  const p = directory.add();
  store<u32>(p, id);
  store<u32>(p, <u32>table.base, 4);
  store<u32>(p, table.size, 8);
  store<u32>(p, table.count, 12);
}

/** Writes the header; consumed is the index of the first record that is not done. */
export function finish(consumed: u32, more: bool, cursor: u64): usize {
  const n = entries.count;
  timestamps.publish(n);
  targets.publish(n);
  partitions.publish(n);
  buckets.publish(n);
  errors.publish(n);
  headers.publish(n);
  if (headerList.count > 0) publish(L.COLUMN_HEADER_ENTRIES, headerList);
  store<u32>(header, consumed, 8);
  store<u32>(header, u32(more), 12);
  store<u64>(header, more ? cursor : 0, 16);
  store<u32>(header, n, 24);
  store<u32>(header, <u32>entries.base, 28);
  store<u32>(header, <u32>directory.base, 36);
  store<u32>(header, directory.count, 40);
  store<u32>(header, <u32>strings.base, 44);
  store<u32>(header, strings.count, 48);
  return header;
}

/** Makes the output of a call that could not be made. */
export function refuseCall(status: u32, text: string): usize {
  reset();
  const n = String.UTF8.byteLength(text);
  const p = arenaAlloc(n);
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, p);
  store<u32>(header, status, 4);
  store<u32>(header, <u32>p, 52);
  store<u32>(header, n, 56);
  return header;
}

/** Returns an address at which the bytes stay until the next call. */
@inline
export function hold(b: Bytes): usize {
  const p = b.ptr;
  if (b.length == 0) return 0;
  if (p - frame < frameSize || arenaHolds(p)) return p;
  return copied(p, b.length);
}

function copied(p: usize, n: i32): usize {
  const to = arenaAlloc(n);
  memory.copy(to, p, n);
  return to;
}

// The strings stand in their table once: a hash table with open addressing finds them. A slot is
// an index of the table plus 1, or 0.
let slotCount: u32 = 64;
let slots = heap.alloc(64 * 4);
memory.fill(slots, 0, 64 * 4);

function hashOf(p: usize, n: u32): u32 {
  let h: u32 = 0x811c9dc5;
  for (let i: u32 = 0; i < n; i++) h = (h ^ load<u8>(p + i)) * 0x01000193;
  return h;
}

/** The address of the slot that holds a string, or of the free one where it belongs. */
function slotOf(p: usize, n: u32): usize {
  let i = hashOf(p, n) & (slotCount - 1);
  while (true) {
    const slot = slots + i * 4;
    const index = load<u32>(slot);
    if (index == 0) return slot;
    const s = strings.at(index - 1);
    if (load<u32>(s, 4) == n && memory.compare(load<u32>(s), p, n) == 0) return slot;
    i = (i + 1) & (slotCount - 1);
  }
}

function rehash(): void {
  memory.fill(slots, 0, slotCount * 4);
  for (let i = 0; i < strings.count; i++) {
    const s = strings.at(i);
    store<u32>(slotOf(load<u32>(s), load<u32>(s, 4)), i + 1);
  }
}

/** The index of a string in the table. */
export function stringIndex(b: Bytes): u32 {
  const slot = slotOf(b.ptr, b.length);
  const found = load<u32>(slot);
  if (found != 0) return found - 1;
  const p = hold(b);
  const s = strings.add();
  store<u32>(s, <u32>p);
  store<u32>(s, b.length, 4);
  store<u32>(slot, strings.count);
  if (<u32>strings.count * 2 > slotCount) {
    slotCount *= 2;
    heap.free(slots);
    slots = heap.alloc(slotCount * 4);
    rehash();
  }
  return strings.count - 1;
}
