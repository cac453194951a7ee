// Runs the functions of a built plugin in node, without wasmflow:
//
//   import { open } from "wasmflow-assemblyscript/testing";
//   const guest = await open("build/shout.wasm", { mark: "!" });
//   assert.deepEqual(guest.values("shout", ["hello"]), ["HELLO!"]);
//
// It is the host's half of the ABI as far as a test needs it, and never checks what a real host
// checks of an output: `wasmflow conformance` does.

import { readFile } from "node:fs/promises";

const NONE = 0xffffffff;
const NO_TIMESTAMP = -(2n ** 63n);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// The columns that functions can read: name, and id, words of an entry of each table.
const COLUMNS = {
  headers: [[1, 2], [2, 4]], source: [[3, 8]], key_group: [[4, 1]], schema_id: [[5, 1]],
  partition_count: [[6, 1]],
};

/** Opens a plugin with a configuration; throws a Refusal if the plugin refuses it. */
export async function open(path, config = {}) {
  const guest = new Guest();
  const { instance } = await WebAssembly.instantiate(await readFile(path), guest.imports());
  guest.exports = instance.exports;
  instance.exports._initialize?.();
  guest.description = JSON.parse(guest.packed(instance.exports.wasmflow_describe()));
  const text = encoder.encode(JSON.stringify(config));
  const refusal = guest.packed(instance.exports.wasmflow_open(guest.give(text), text.length));
  if (refusal !== "") throw new Refusal(JSON.parse(refusal));
  return guest;
}

/** Why a plugin does not take its configuration; field is the path of what is to blame. */
export class Refusal extends Error {
  constructor({ field, message }) {
    super(`${field}: ${message}`);
    this.field = field;
  }
}

/** A plugin that was opened. */
export class Guest {
  /** What was logged, as { level, text }, and reported, as { kind, name, value }. */
  logs = [];
  metrics = [];
  /** The output after which a function is to be stopped, 0 for no limit; run goes on anyway. */
  softRecords = 0;
  softBytes = 0;
  /** What Context.now tells, in milliseconds, and what Context.random draws from. */
  now = 1_700_000_000_000;
  seed = 0n;

  /** The functions that a plugin may import. */
  imports() {
    return {
      env: {
        abort: (message, file, line, column) => {
          throw new Error(`${this.wide(message)} (${this.wide(file)}:${line}:${column})`);
        },
      },
      wasmflow: {
        log: (level, ptr, n) => this.logs.push({ level, text: decoder.decode(this.bytes(ptr, n)) }),
        metric: (kind, ptr, n, value) => {
          const name = decoder.decode(this.bytes(ptr, n));
          this.metrics.push({ kind: ["counter", "gauge", "histogram"][kind], name, value });
        },
      },
    };
  }

  /**
   * Gives records to a function as one batch: { key, value, timestamp, headers: [[key, value]],
   * split, positionHigh, positionLow, ordinal, keyGroup, schemaId, partitionCount }, all optional;
   * strings or Uint8Arrays. Returns { parent, key, value, timestamp, headers, output, target,
   * partition, bucket } for each record that came out, with texts for bytes and null for null, or
   * { parent, error: { code, text } }, or { parent, endOfStream: true }.
   */
  run(name, records) {
    const index = this.description.functions.findIndex((f) => f.name === name);
    if (index < 0) throw new Error(`the plugin has no function ${name}`);
    const f = this.description.functions[index];
    this.give(this.frame(f.columns ?? [], records));
    const outputs = [];
    for (let first = 0, cursor = 0n; first < records.length; ) {
      const header = this.exports.wasmflow_process(index, first, cursor);
      const view = this.view();
      const word = (at) => view.getUint32(header + at, true);
      if (word(4) !== 0) {
        throw new Error(`the call fails: ${decoder.decode(this.bytes(word(52), word(56)))}`);
      }
      if (word(8) === first && word(24) === 0) throw new Error(`no progress at record ${first}`);
      for (let i = 0; i < word(24); i++) outputs.push(this.read(view, header, i, records, f));
      first = word(8);
      cursor = word(12) & 1 ? view.getBigUint64(header + 16, true) : 0n;
    }
    return outputs;
  }

  /** Gives records with these values to a function and returns the values that come out. */
  values(name, values) {
    return this.run(name, values.map((value) => ({ value }))).map((o) =>
      o.error ? `error: ${o.error.text}` : o.endOfStream ? "<end of stream>" : o.value);
  }

  // Memory grows, so that views of it are made anew.
  view() { return new DataView(this.exports.memory.buffer); }

  bytes(ptr, n) { return new Uint8Array(this.exports.memory.buffer, ptr >>> 0, n >>> 0); }

  packed(answer) {
    const n = BigInt.asUintN(64, answer);
    return decoder.decode(this.bytes(Number(n >> 32n), Number(n & 0xffffffffn)));
  }

  wide(ptr) {
    if (ptr === 0) return "?";
    const n = this.view().getUint32(ptr - 4, true);
    return new TextDecoder("utf-16le").decode(this.bytes(ptr, n));
  }

  give(bytes) {
    const ptr = this.exports.wasmflow_reserve(bytes.length);
    this.bytes(ptr, bytes.length).set(bytes);
    return ptr;
  }

  frame(columns, records) {
    const w = new FrameWriter();
    for (const r of records) w.record(r);
    return w.finish(columns, records.length, this);
  }

  read(view, header, i, records, f) {
    const word = (at) => view.getUint32(at, true);
    const e = word(header + 28) + i * word(header + 32);
    const status = view.getUint8(e + 1), flags = view.getUint16(e + 2, true);
    const parent = word(e + 4), old = records[parent];
    const columns = new Map();
    for (let c = 0, at = word(header + 36); c < word(header + 40); c++, at += 16) {
      columns.set(word(at), word(at + 4) + i * word(at + 8));
      if (word(at) === 2) columns.set(2, word(at + 4));
    }
    if (status === 2) {
      const at = columns.get(20);
      const text = decoder.decode(this.bytes(word(at), word(at + 4)));
      return { parent, error: { code: word(at + 8), text } };
    }
    if (status === 3) return { parent, endOfStream: true };
    const text = (at) => decoder.decode(this.bytes(word(at), word(at + 4)));
    const part = (same, none, was, at) =>
      flags & same ? textOf(was) : flags & none ? null : text(at);
    const string = (id) => {
      const at = columns.get(id);
      return at === undefined || word(at) === NONE ? null : text(word(header + 44) + word(at) * 8);
    };
    const o = {
      parent, key: part(1, 16, old.key, e + 8), value: part(2, 32, old.value, e + 16),
      timestamp: old.timestamp ?? null,
      headers: (old.headers ?? []).map(([k, v]) => [k, textOf(v)]),
      output: view.getUint16(e + 24, true) ? f.outputs[view.getUint16(e + 24, true) - 1] : "",
      target: string(17), bucket: string(19), partition: null,
    };
    if (!(flags & 8)) {
      const t = columns.has(16) ? view.getBigInt64(columns.get(16), true) : NO_TIMESTAMP;
      o.timestamp = t === NO_TIMESTAMP ? null : Number(t);
    }
    if (!(flags & 4)) o.headers = this.headers(word, columns, text);
    if (columns.has(18)) {
      const p = view.getInt32(columns.get(18), true);
      o.partition = p < 0 ? null : p;
    }
    return o;
  }

  headers(word, columns, text) {
    const own = columns.get(1), all = [];
    for (let j = 0; own !== undefined && j < word(own + 4); j++) {
      const at = columns.get(2) + (word(own) + j) * 16;
      all.push([text(at), word(at + 12) === NONE ? null : text(at + 8)]);
    }
    return all;
  }
}

function textOf(part) {
  if (part === null || part === undefined) return null;
  return typeof part === "string" ? part : decoder.decode(part);
}

/** Puts an input frame together: the arena stands behind the header, tables behind the arena. */
class FrameWriter {
  parts = [new Uint8Array(96)];
  size = 96;
  core = [];
  strings = [];
  tables = { 1: [], 2: [], 3: [], 4: [], 5: [], 6: [] };

  /** Adds bytes and returns their offset and length. */
  hold(part) {
    const bytes = typeof part === "string" ? encoder.encode(part) : part ?? new Uint8Array();
    const offset = this.size;
    this.parts.push(bytes);
    this.size += bytes.length;
    return [offset, bytes.length];
  }

  record(r) {
    const nulls = (r.key == null ? 1 : 0) | (r.value == null ? 2 : 0);
    this.core.push(nulls << 8, 0, ...this.hold(r.key), ...this.hold(r.value));
    this.core.push(...words(r.timestamp == null ? NO_TIMESTAMP : BigInt(r.timestamp)));
    const headers = r.headers ?? [], list = this.tables[2];
    this.tables[1].push(list.length / 4, headers.length);
    for (const [key, value] of headers) {
      const held = this.hold(value);
      list.push(...this.hold(key), held[0], value == null ? NONE : held[1]);
    }
    this.tables[3].push(this.strings.length / 2, 0);
    this.strings.push(...this.hold(r.split ?? ""));
    for (const n of [r.positionHigh, r.positionLow, r.ordinal]) {
      this.tables[3].push(...words(BigInt(n ?? 0)));
    }
    this.tables[4].push(r.keyGroup ?? 0);
    this.tables[5].push(r.schemaId ?? 0);
    this.tables[6].push(r.partitionCount ?? 0);
  }

  table(list) {
    this.hold(new Uint8Array((8 - (this.size % 8)) % 8));
    return this.hold(new Uint8Array(Uint32Array.from(list).buffer))[0];
  }

  finish(columns, count, { now, seed, softRecords, softBytes }) {
    const core = this.table(this.core), directory = [];
    for (const [id, n] of columns.flatMap((name) => COLUMNS[name])) {
      directory.push(id, this.table(this.tables[id]), n * 4, this.tables[id].length / n);
    }
    const columnsAt = this.table(directory), stringsAt = this.table(this.strings);
    const header = [
      0x31424657, 96, this.size, count, core, 32, columnsAt, directory.length / 4, stringsAt,
      this.strings.length / 2, 96, core - 96, ...words(BigInt(now) * 1_000_000n),
      ...words(NO_TIMESTAMP), softRecords, softBytes, NONE, 0, ...words(BigInt(seed)), 0, 0,
    ];
    const frame = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.parts) {
      frame.set(part, at);
      at += part.length;
    }
    frame.set(new Uint8Array(Uint32Array.from(header).buffer));
    return frame;
  }
}

/** The two words of a 64-bit number. */
function words(n) {
  const bits = BigInt.asUintN(64, n);
  return [Number(bits & 0xffffffffn), Number(bits >> 32n)];
}
