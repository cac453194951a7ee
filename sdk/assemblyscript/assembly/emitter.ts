import * as L from "./layout";
import * as out from "./output";
import { Buffer, Bytes } from "./bytes";
import { Record } from "./record";
import { current } from "./plugin";

/** Bounds the text of a record's failure: it ends in a header of a dead letter. */
const ERROR_TEXT_BYTES_MAX = 4 << 10;

// What stands of the record at hand, and of the call.
let parent: u32 = 0;
let firstEntry: i32 = 0;
let firstHeader: i32 = 0;
let firstString: i32 = 0;
let sizeBefore: i64 = 0;
let size: i64 = 0;
let recordsSoft: i32 = 0;
let bytesSoft: i64 = 0;
export let more: bool = false;
export let cursor: u64 = 0;
export let ended: bool = false;
export let failed: bool = false;
let failCode: u32 = 0;
let failText: string = "";

/** Begins a call. */
export function beginCall(records: u32, bytes: u32): void {
  out.reset();
  recordsSoft = records == 0 ? i32.MAX_VALUE : <i32>min<u32>(records, i32.MAX_VALUE);
  bytesSoft = bytes == 0 ? i64.MAX_VALUE : <i64>bytes;
  size = 0;
  more = ended = failed = false;
}

/** Begins a record. */
export function beginRecord(i: u32): void {
  parent = i;
  firstEntry = out.entries.count;
  firstHeader = out.headerList.count;
  firstString = out.strings.count;
  sizeBefore = size;
  more = ended = failed = false;
  buffersUsed = 0;
}

/** Whether the record at hand has output. */
export function emitted(): bool { return out.entries.count > firstEntry; }

/** Lets the record fail when its function returns. */
export function failRecord(code: u32, text: string): void {
  failed = true;
  failCode = code;
  failText = text;
}

/** Makes the failure of the record its only output. */
export function addFailure(): void {
  takeBack();
  more = false;
  const text = buffer(failText.length);
  text.text(failText);
  let n = text.length;
  if (n > ERROR_TEXT_BYTES_MAX) {
    n = ERROR_TEXT_BYTES_MAX;
    while (n > 0 && (load<u8>(text.ptr + n) & 0xc0) == 0x80) n--; // no half of a character
  }
  const e = add(L.SAME_ALL);
  store<u8>(e, L.STATUS_ERROR, 1);
  const column = out.errors.fill(out.entries.count);
  store<u32>(column, <u32>text.ptr);
  store<u32>(column, n, 4);
  store<u32>(column, failCode, 8);
  size += n;
}

export function addEndOfStream(): void { store<u8>(add(L.SAME_ALL), L.STATUS_END_OF_STREAM, 1); }

export function addPartition(partition: i32): void {
  add(L.SAME_ALL);
  store<i32>(out.partitions.fill(out.entries.count), partition);
}

export function addBucket(name: Bytes): void {
  add(L.SAME_ALL);
  store<u32>(out.buckets.fill(out.entries.count), out.stringIndex(name));
}

/** Takes back what the record at hand has emitted. */
export function takeBack(): void {
  out.cut(firstEntry, firstHeader, firstString);
  size = sizeBefore;
}

/** Whether the host would rather have the output now. */
@inline
export function full(): bool { return out.entries.count >= recordsSoft || size >= bytesSoft; }

@inline
function add(flags: u16): usize {
  const e = out.entries.add();
  store<u64>(e, <u64>flags << 16 | <u64>parent << 32);
  store<u64>(e, 0, 8);
  store<u64>(e, 0, 16);
  store<u64>(e, 0, 24);
  return e;
}

/** Buffers that a function can have at once; from there on the oldest are used again. */
const BUFFERS_MAX = 64;

// Buffers are used again for every record.
const buffers = heap.alloc(4 * BUFFERS_MAX);
let buffersMade = 0;
let buffersUsed = 0;

export function buffer(n: i32): Buffer {
  if (buffersUsed > 0) changetype<Buffer>(load<usize>(buffers + 4 * last())).end();
  const slot = buffers + 4 * (buffersUsed++ % BUFFERS_MAX);
  if (buffersUsed > buffersMade && buffersMade < BUFFERS_MAX) {
    store<usize>(slot, changetype<usize>(new Buffer()));
    buffersMade++;
  }
  return changetype<Buffer>(load<usize>(slot)).begin(n);
}

function last(): i32 { return (buffersUsed - 1) % BUFFERS_MAX; }

@inline
function setKey(e: usize, b: Bytes): void {
  const flags = load<u16>(e, 2) & ~(L.SAME_KEY | L.NULL_KEY);
  if (b.isNull) {
    store<u16>(e, flags | L.NULL_KEY, 2);
    return;
  }
  store<u16>(e, flags, 2);
  store<u32>(e, <u32>out.hold(b), 8);
  store<u32>(e, b.length, 12);
  size += b.length;
}

@inline
function setValue(e: usize, b: Bytes): void {
  const flags = load<u16>(e, 2) & ~(L.SAME_VALUE | L.NULL_VALUE);
  if (b.isNull) {
    store<u16>(e, flags | L.NULL_VALUE, 2);
    return;
  }
  store<u16>(e, flags, 2);
  store<u32>(e, <u32>out.hold(b), 16);
  store<u32>(e, b.length, 20);
  size += b.length;
}

/**
 * Takes the output of a function. Bytes that are part of the record or of a Buffer are not copied;
 * all others are.
 */
@unmanaged @final
export class Emitter {
  private entry: Entry = new Entry();

  /** Emits the record as it is. Nothing is copied. */
  forward(): Entry {
    add(L.SAME_ALL);
    return this.last();
  }

  /** Emits the record with another value. Key, headers and timestamp stay. */
  value(value: Bytes): Entry {
    setValue(add(L.SAME_ALL & ~L.SAME_VALUE), value);
    return this.last();
  }

  /** Emits the record with another key and value. Headers and timestamp stay. */
  keyValue(key: Bytes, value: Bytes): Entry {
    const e = add(L.SAME_ALL & ~(L.SAME_KEY | L.SAME_VALUE));
    setKey(e, key);
    setValue(e, value);
    return this.last();
  }

  @inline
  private last(): Entry {
    this.entry.index = out.entries.count - 1;
    return this.entry;
  }

  /** Takes back what was emitted for this record. */
  takeBack(): void { takeBack(); }

  /** Says that the split ends before this record. For deserializers only. */
  endOfStream(): void {
    if (current().role != "deserializer") throw new Error("only a deserializer can end the stream");
    ended = true;
  }

  /**
   * Whether the host would rather have the output now. Between records the SDK looks after that;
   * a function that makes very many records of one asks, and returns after resumeAt.
   */
  get full(): bool { return full(); }

  /**
   * Says that this record has more output: when the function has returned, the host takes what was
   * emitted and calls it again for the same record with ctx.cursor being what is given here.
   */
  resumeAt(at: u64): void {
    more = true;
    cursor = at;
  }

  /** An empty buffer with room for n bytes, valid until the function returns. */
  buffer(n: i32): Buffer { return buffer(n); }
}

/** A record that was emitted, until the next one is. Its methods refine it and can be chained. */
@unmanaged @final
export class Entry {
  index: i32 = 0;

  /** Gives the entry a key. */
  key(key: Bytes): this {
    setKey(out.entries.at(this.index), key);
    return this;
  }

  /** Gives the entry a value. */
  value(value: Bytes): this {
    setValue(out.entries.at(this.index), value);
    return this;
  }

  /** Gives the entry a time in milliseconds since 1970. */
  timestamp(milliseconds: i64): this {
    this.clear(L.SAME_TIMESTAMP);
    store<i64>(out.timestamps.fill(this.index + 1), milliseconds);
    return this;
  }

  /** Takes the entry's time away. */
  noTimestamp(): this { return this.timestamp(L.NO_TIMESTAMP); }

  /** Sends the entry to one of the outputs that the function declares. */
  output(name: string): this {
    const i = current().outputNames.indexOf(name);
    if (i < 0) throw new Error("no output " + name + ": declare it with outputs(...)");
    store<u16>(out.entries.at(this.index), <u16>(i + 1), 24);
    return this;
  }

  /** Names where a sink is to put the entry: a topic or the like. */
  target(name: Bytes): this {
    store<u32>(out.targets.fill(this.index + 1), out.stringIndex(name));
    return this;
  }

  /** Says to which partition a sink is to write the entry, unless it has a partitioner. */
  partition(partition: i32): this {
    if (partition < 0) throw new RangeError("a partition below 0");
    store<i32>(out.partitions.fill(this.index + 1), partition);
    return this;
  }

  /**
   * Adds a header behind those the entry has. An entry has the headers of the record it was made
   * of, so the function must read Column.Headers, or call noHeaders first.
   */
  header(key: Bytes, value: Bytes): this {
    if (load<u16>(out.entries.at(this.index), 2) & L.SAME_HEADERS) this.copyHeaders();
    const own = out.headers.table.at(this.index);
    const first = load<i32>(own), n = load<i32>(own, 4);
    if (first + n != out.headerList.count) {
      // Headers of another entry stand behind: this entry's move to the end.
      store<i32>(own, out.headerList.count);
      for (let i = 0; i < n; i++) {
        const to = out.headerList.add();
        memory.copy(to, out.headerList.at(first + i), 16);
      }
    }
    store<i32>(own, n + 1, 4);
    appendHeader(key, value);
    return this;
  }

  /** Takes all headers of the entry away. */
  noHeaders(): this {
    this.clear(L.SAME_HEADERS);
    const own = out.headers.fill(this.index + 1);
    store<i32>(own, out.headerList.count);
    store<i32>(own, 0, 4);
    return this;
  }

  /** Gives the entry the headers of its record as its own. */
  private copyHeaders(): void {
    this.noHeaders();
    parentRecord.enter(parent);
    const n = parentRecord.headerCount;
    for (let i = 0; i < n; i++) {
      appendHeader(parentRecord.headerKey(i), parentRecord.headerValue(i));
    }
    store<i32>(out.headers.table.at(this.index), n, 4);
  }

  private clear(flag: u16): void {
    const e = out.entries.at(this.index);
    store<u16>(e, load<u16>(e, 2) & ~flag, 2);
  }
}

const parentRecord = new Record();

function appendHeader(key: Bytes, value: Bytes): void {
  const keyAt = out.hold(key), valueAt = out.hold(value);
  const h = out.headerList.add();
  store<u32>(h, <u32>keyAt);
  store<u32>(h, key.length, 4);
  store<u32>(h, <u32>valueAt, 8);
  store<u32>(h, value.isNull ? L.NONE : value.length, 12);
  size += key.length + value.length;
}
