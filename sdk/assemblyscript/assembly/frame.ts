import * as L from "./layout";
import { Bytes } from "./bytes";

// The input frame of the call at hand. Its tables are checked once a call, ranges of bytes when
// they are used.

export let frame: usize = 0;
export let frameSize: usize = 0;
export let count: u32 = 0;
export let core: usize = 0;
export let coreStride: usize = 0;
let strings: usize = 0;
let stringsCount: u32 = 0;

/** Column ids of input frames end before this one. */
const COLUMNS_END = 7;
const columnBase = new StaticArray<usize>(COLUMNS_END);
const columnStride = new StaticArray<u32>(COLUMNS_END);
const columnCount = new StaticArray<u32>(COLUMNS_END);

/** Takes the frame at the beginning of a region; returns what is wrong with it, or "". */
export function loadFrame(region: usize, size: usize): string {
  if (size < L.FRAME_HEADER) return "no frame in the reserved region";
  if (load<u32>(region) != L.MAGIC) return "the frame's magic is not that of ABI 1";
  const headerSize = <usize>load<u32>(region, 4);
  frameSize = load<u32>(region, 8);
  if (frameSize > size || headerSize > frameSize || headerSize < L.FRAME_HEADER) {
    return "the frame's size is above the reserved region";
  }
  frame = region;
  count = load<u32>(region, 12);
  const coreOffset = load<u32>(region, 16);
  coreStride = load<u32>(region, 20);
  core = frame + coreOffset;
  const stride = <u32>coreStride;
  if ((coreOffset | stride) % 8 != 0 || !inside(coreOffset, stride, count, L.CORE)) {
    return "the core table is not inside the frame";
  }
  strings = frame + load<u32>(region, 32);
  stringsCount = load<u32>(region, 36);
  if (!inside(load<u32>(region, 32), 8, stringsCount, 8)) {
    return "the string table is not inside the frame";
  }
  return loadColumns(load<u32>(region, 24), load<u32>(region, 28));
}

function loadColumns(offset: u32, n: u32): string {
  if (!inside(offset, 16, n, 16)) return "the column directory is not inside the frame";
  for (let id = 0; id < COLUMNS_END; id++) columnCount[id] = 0;
  for (let i: u32 = 0; i < n; i++) {
    const at = frame + offset + i * 16;
    const id = load<u32>(at), entries = load<u32>(at, 12);
    const size = columnSize(id);
    if (size == 0) continue;
    if (id != L.COLUMN_HEADER_ENTRIES && entries != count) {
      return "a column has not as many values as the frame has records";
    }
    if (!inside(load<u32>(at, 4), load<u32>(at, 8), entries, size)) {
      return "a column is not inside the frame";
    }
    columnBase[id] = frame + load<u32>(at, 4);
    columnStride[id] = load<u32>(at, 8);
    columnCount[id] = entries;
  }
  return "";
}

function columnSize(id: u32): u32 {
  switch (id) {
    case L.COLUMN_HEADERS: return 8;
    case L.COLUMN_HEADER_ENTRIES: return 16;
    case L.COLUMN_SOURCE: return 32;
    case L.COLUMN_KEY_GROUP: case L.COLUMN_SCHEMA_ID: case L.COLUMN_PARTITION_COUNT: return 4;
    default: return 0;
  }
}

function inside(offset: u32, stride: u32, n: u32, size: u32): bool {
  if (n == 0) return true;
  const end = <u64>offset + <u64>(n - 1) * stride + size;
  return end <= <u64>frameSize && stride >= size && (stride | offset) % 4 == 0;
}

/** The address of an entry of a column; throws where the column is not in the frame. */
export function column(id: u32, i: u32): usize {
  if (i >= columnCount[id]) {
    throw new Error("the frame has no such column: declare it with reads(Column....)");
  }
  return columnBase[id] + i * columnStride[id];
}

/** Lets a view show a range of the frame. */
@inline
export function show(view: Bytes, offset: u32, length: u32): Bytes {
  if (length != 0 && <u64>offset + length > <u64>frameSize) {
    throw new Error("a range of the frame is not inside it");
  }
  view.ptr = frame + offset;
  view.length = <i32>length;
  view.isNull = false;
  return view;
}

/** Lets a view show an entry of the string table, nothing for none. */
export function showString(view: Bytes, i: u32): Bytes {
  if (i == L.NONE) return view.set(frame, 0);
  if (i >= stringsCount) throw new Error("a string of the frame is not in its table");
  return show(view, load<u32>(strings + i * 8), load<u32>(strings + i * 8, 4));
}
