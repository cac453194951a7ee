// The module "wasmflow/testing": runs a plugin's functions natively, under `node --test` or any
// other engine, with records and emitters that do what those of wasmflow do.

import { internals } from "wasmflow";

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function bytesOf(content, what) {
  if (content === null) return null;
  if (typeof content === "string") return encoder.encode(content);
  if (content instanceof Uint8Array) return content.slice();
  if (content instanceof ArrayBuffer) return new Uint8Array(content.slice(0));
  throw new TypeError(`the ${what} must be a string, a Uint8Array or null`);
}

function textOf(bytes, what) {
  if (bytes === null) return null;
  try {
    return strict.decode(bytes);
  } catch {
    throw new TypeError(`the ${what} is no UTF-8; read ${what}Bytes`);
  }
}

// eitherOf is a string if the bytes are UTF-8.
function eitherOf(bytes) {
  try {
    return textOf(bytes, "text");
  } catch {
    return bytes;
  }
}

class Record {
  #parts;
  #columns;
  #gone = false;

  constructor(parts, columns) {
    this.#parts = parts;
    this.#columns = columns;
  }

  letGo() {
    this.#gone = true;
  }

  get #now() {
    if (!this.#gone) return this.#parts;
    throw new TypeError("the record is no longer at hand; take what you need of it in time");
  }

  #column(name) {
    if (!this.#columns.includes(name)) {
      throw new TypeError(`register the function with columns: ["${name}"]`);
    }
    return this.#now[name];
  }

  get key() { return textOf(this.#now.key, "key"); }
  get keyBytes() { return this.#now.key?.slice() ?? null; }
  get value() { return textOf(this.#now.value, "value"); }
  get valueBytes() { return this.#now.value?.slice() ?? null; }
  json() { return JSON.parse(this.value); }
  get timestamp() { return this.#now.timestamp; }
  get headers() { return this.#column("headers").map(([k, v]) => [k, eitherOf(v)]); }
  get source() { return { ...this.#column("source") }; }
}

const fieldNames = ["key", "value", "json", "headers", "timestamp", "target", "partition", "output"];

class Emitter {
  constructor(f, parent, cursor) {
    this.f = f;
    this.parent = parent;
    this.cursor = cursor;
    this.full = false;
    this.records = [];
    this.next = null;
    this.ended = false;
  }

  forward() { this.emit({}); }
  value(value) { this.emit({ value }); }
  json(json) { this.emit({ json }); }

  emit(fields) {
    const r = { ...this.parent, output: "", target: null, partition: -1 };
    for (const [name, v] of Object.entries(fields)) {
      if (!fieldNames.includes(name)) throw new TypeError(`a record has no field ${name}`);
      if (v !== undefined || name === "json") this.#set(r, name, v);
    }
    this.records.push(r);
  }

  #set(r, name, v) {
    switch (name) {
      case "key": case "value": r[name] = bytesOf(v, name); return;
      case "json":
        if (JSON.stringify(v) === undefined) throw new TypeError("the value has no form as JSON");
        r.value = encoder.encode(JSON.stringify(v));
        return;
      case "headers": r.headers = headersOf(v); return;
      case "timestamp":
        if (v !== null && typeof v !== "bigint" && !Number.isSafeInteger(v)) {
          throw new TypeError("the timestamp must be whole milliseconds, or null");
        }
        break;
      case "target":
        if (typeof v !== "string") throw new TypeError("a target must be a string");
        break;
      case "partition": partitionOf(v); break;
      case "output":
        if (!this.f.outputs.includes(v)) {
          throw new TypeError("the function is registered with no such output");
        }
    }
    r[name] = v;
  }

  more(cursor) {
    if (this.f.batch) throw new TypeError("a batch function cannot go on with a record");
    this.next = cursor;
  }

  endOfStream() {
    if (this.f.role !== "deserializer") throw new TypeError("only a deserializer can end the stream");
    this.ended = true;
  }
}

function headersOf(list) {
  if (!Array.isArray(list)) throw new TypeError("headers must be a list of [key, value]");
  return list.map(([key, value]) => {
    if (typeof key !== "string" || value === undefined) {
      throw new TypeError("a header must be [key, value], key a string");
    }
    return [key, bytesOf(value, "header's value")];
  });
}

function partitionOf(v) {
  if (Number.isInteger(v) && v >= -1 && v < 2 ** 31) return v;
  throw new TypeError("a partition must be a whole number from 0, or -1 for none");
}

// inputOf makes a record of what a test says: a value, or the parts that are not usual.
function inputOf(given) {
  const plain = typeof given !== "object" || given === null || ArrayBuffer.isView(given);
  const parts = plain ? { value: given } : given;
  return {
    key: bytesOf(parts.key ?? null, "key"),
    value: bytesOf(parts.value ?? null, "value"),
    headers: headersOf(parts.headers ?? []),
    timestamp: parts.timestamp ?? null,
    source: { split: "test", positionHigh: 0n, positionLow: 0n, ordinal: 0n, ...parts.source },
  };
}

class Guest {
  constructor() {
    this.logs = [];
    this.metrics = [];
  }

  // run returns for each record what came of it.
  async run(name, records, { partitions = 1 } = {}) {
    const f = internals.functions.find((x) => x.name === name);
    if (!f) throw new Error(`there is no function ${name}`);
    const results = [];
    for (const given of records) {
      const before = [this.logs.length, this.metrics.length];
      const result = await this.#one(f, inputOf(given), partitions);
      if (result.error) [this.logs.length, this.metrics.length] = before;
      results.push(result);
    }
    return results;
  }

  // texts is run, told in lines: values, and errors behind "error: ".
  async texts(name, ...records) {
    const results = await this.run(name, records);
    return results.flatMap(({ error, records }) => {
      return error ? [`error: ${error.text}`] : records.map((r) => eitherOf(r.value));
    });
  }

  async #one(f, parent, partitions) {
    const result = { records: [], error: null, endOfStream: false, partition: null, bucket: null };
    try {
      for (let cursor = 0; cursor !== null;) {
        const out = new Emitter(f, parent, cursor);
        await this.#call(f, new Record(parent, f.columns ?? []), out, partitions, result);
        if (out.next !== null && out.records.length === 0) {
          throw new TypeError("more was asked for before anything was emitted");
        }
        result.records.push(...out.records);
        result.endOfStream = out.ended;
        cursor = out.next;
      }
    } catch (e) {
      result.records = [];
      result.error = { code: e?.wasmflowCode ?? 0, text: e instanceof Error ? e.message : String(e) };
    }
    return result;
  }

  async #call(f, record, out, partitions, result) {
    try {
      if (f.role === "partitioner") {
        result.partition = partitionOf(await f.call(record, partitions));
      } else if (f.role === "bucketer") {
        result.bucket = await f.call(record);
        if (typeof result.bucket !== "string") throw new TypeError("a bucket must be a string");
      } else {
        await f.call(f.batch ? [record] : record, out);
      }
    } finally {
      record.letGo();
    }
  }
}

const kinds = ["counter", "gauge", "histogram"];
const levels = ["debug", "info", "warn", "error"];

// open gives the plugin its configuration, as wasmflow does. A refusal is thrown: {field, message}.
export function open(config = {}) {
  const guest = new Guest();
  internals.use({
    log: (level, text) => guest.logs.push({ level: levels[level], text }),
    metric: (kind, name, value) => guest.metrics.push({ kind: kinds[kind], name, value }),
    sleep: () => {},
    random: (bytes) => globalThis.crypto.getRandomValues(bytes),
  });
  internals.load();
  const refusal = internals.open(JSON.stringify(config));
  if (refusal !== null) throw Object.assign(new Error(refusal), JSON.parse(refusal));
  return guest;
}
