// The conformance guest in JavaScript. docs/conformance.md says what each function does.

import {
  ConfigError, Failure, bucketer, deserializer, log, metrics, partitioner, plugin, serializer,
  sleep, transform, transformBatch,
} from "wasmflow";

const config = plugin({
  name: "conformance-js",
  version: "1.0.0",
  config: { greeting: "hello ", times: 1, loud: false },
  validate(c) {
    if (c.greeting === "") throw new ConfigError("greeting", "must not be empty");
    if (!Number.isInteger(c.times)) throw new ConfigError("times", "must be a whole number");
  },
});

const codeFailed = 7;

function isOdd(record) {
  const value = record.valueBytes;
  return value !== null && value.length > 0 && value.at(-1) % 2 === 1;
}

function failOdd(record, out) {
  out.forward(); // what a record emitted before it failed must not be seen
  if (isOdd(record)) throw new Failure(codeFailed, "odd");
}

// other makes of null empty and of empty null.
function other(bytes) {
  if (bytes === null) return "";
  return bytes.length === 0 ? null : bytes;
}

function join(...parts) {
  const bytes = new Uint8Array(parts.reduce((n, part) => n + (part?.length ?? 0), 0));
  let at = 0;
  for (const part of parts) {
    if (part === null) continue;
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

transform("echo", (record, out) => out.forward());

// upper has the engine do ASCII at once: byte by byte, a script takes some hundred times as long.
function upper(record) {
  let text;
  try {
    text = record.value;
  } catch {
    text = "\xff"; // no UTF-8
  }
  if (text === null || /^[\0-\x7f]*$/.test(text)) return text?.toUpperCase() ?? null;
  return record.valueBytes.map((b) => (b >= 97 && b <= 122 ? b - 32 : b));
}

// A batch function: one call for many records.
transformBatch("upper", (records, out) => {
  for (const record of records) out.value(upper(record));
});

transform("drop-odd", (record, out) => {
  if (!isOdd(record)) out.forward();
});

transform("fail-odd", failOdd);

transform("crash-odd", (record, out) => {
  out.forward();
  if (isOdd(record)) throw new Error("an odd record");
});

transform("hoard", (record, out) => {
  const kept = [];
  if (isOdd(record)) {
    for (let i = 0; i < 3; i++) kept.push(new ArrayBuffer(2 ** 30));
  }
  out.forward();
});

transform("repeat", (record, out) => {
  const n = Number(record.value);
  for (let i = out.cursor; i < n; i++) {
    if (out.full) return out.more(i);
    out.value(String(i));
  }
});

transform("swap", (record, out) => {
  out.emit({ key: record.valueBytes, value: record.keyBytes });
});

transform("nulls", (record, out) => {
  out.emit({ key: other(record.keyBytes), value: other(record.valueBytes) });
});

transform("headers", (record, out) => {
  const headers = record.headers;
  out.emit({ headers: [...headers, ["count", String(headers.length)]] });
}, { columns: ["headers"] });

transform("edit-headers", (record, out) => {
  const headers = record.headers.filter(([key]) => key !== "a");
  out.emit({ headers: headers.map(([k, v]) => [k, k === "empty" ? record.valueBytes : v]) });
}, { columns: ["headers"] });

transform("origin", (record, out) => {
  const { split, positionHigh, positionLow, ordinal } = record.source;
  out.value(`${split}/${positionHigh}/${positionLow}/${ordinal}`);
}, { columns: ["source"] });

transform("restamp", (record, out) => {
  out.emit({ timestamp: record.timestamp === null ? 0 : record.timestamp + 1 });
});

transform("route", (record, out) => {
  const value = record.value;
  out.emit({
    target: `t-${value}`, partition: Number(value), output: isOdd(record) ? "odd" : undefined,
  });
}, { outputs: ["odd"] });

transform("clock", (record, out) => out.value(String(Date.now())));

transform("sleep", (record, out) => {
  const before = Date.now();
  sleep(1000 * Number(record.value));
  out.value(String(Date.now() - before));
});

transform("random", (record, out) => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  out.value(Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join(""));
});

transform("log", (record, out) => {
  log.info(record.value);
  metrics.count("logged");
  failOdd(record, out);
});

transform("metrics", (record, out) => {
  const n = Number(record.value);
  metrics.count("sum", n);
  metrics.gauge("last", n);
  metrics.observe("seen", n);
  failOdd(record, out);
});

transform("greet", (record, out) => out.value(config.greeting + record.value));

transform("settings", (record, out) => out.value(`times=${config.times} loud=${config.loud}`));

deserializer("lines", (record, out) => {
  if (record.value === "END") return out.endOfStream();
  for (const line of record.value.split("\n")) {
    if (line !== "") out.value(line);
  }
});

serializer("pair", (record, out) => {
  const equals = Uint8Array.of(61);
  out.emit({ key: null, value: join(record.keyBytes, equals, record.valueBytes) });
});

partitioner("length", (record, partitions) => {
  const value = record.valueBytes;
  if (value === null) throw new Failure(codeFailed, "null");
  return value.length === 0 ? -1 : value.length % partitions;
});

bucketer("initial", (record) => {
  const value = record.value;
  if (!value) throw new Failure(codeFailed, "empty");
  return `initial=${value[0]}`;
});
