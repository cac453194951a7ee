// The conformance guest in TypeScript. docs/conformance.md says what each function does.

import {
  type Emitter, type Record, ConfigError, Failure, bucketer, deserializer, metrics,
  partitioner, plugin, serializer, sleep, transform,
} from "wasmflow";
import { hex, join, otherNothing, upper } from "./bytes.ts";

interface Settings {
  greeting: string;
  times: number;
  loud: boolean;
}

const settings = plugin<Settings>({
  name: "conformance-ts",
  version: "1.0.0",
  config: { greeting: "hello ", times: 1, loud: false },
  validate(c) {
    if (c.greeting === "") throw new ConfigError("greeting", "must not be empty");
    if (!Number.isInteger(c.times)) throw new ConfigError("times", "must be a whole number");
  },
});

enum Code {
  Failed = 7,
}

function isOdd(record: Record): boolean {
  const last = record.valueBytes?.at(-1);
  return last !== undefined && last % 2 === 1;
}

function failOdd(record: Record, out: Emitter): void {
  out.forward(); // what a record emitted before it failed must not be seen
  if (isOdd(record)) throw new Failure(Code.Failed, "odd");
}

function text(record: Record): string {
  return record.value ?? "";
}

/** Large values are ASCII here, which the engine does at once. */
const large = 1 << 16;

transform("echo", (_, out) => out.forward());

transform("upper", (record, out) => {
  const bytes = record.valueBytes;
  if (bytes === null) return out.forward();
  out.value(bytes.length > large ? text(record).toUpperCase() : upper(bytes));
});

transform("drop-odd", (record, out) => {
  if (!isOdd(record)) out.forward();
});

transform("fail-odd", failOdd);

// What an asynchronous function throws behind an await fails its record as well.
transform("crash-odd", async (record, out) => {
  out.forward();
  await Promise.resolve();
  if (isOdd(record)) throw new Error("an odd record");
});

transform("hoard", (record, out) => {
  const kept: ArrayBuffer[] = [];
  for (let i = 0; isOdd(record) && i < 3; i++) kept.push(new ArrayBuffer(2 ** 30));
  out.forward();
});

transform("repeat", (record, out) => {
  const n = Number(text(record));
  for (let i = out.cursor; i < n; i++) {
    if (out.full) return out.more(i);
    out.value(String(i));
  }
});

transform("swap", (record, out) => {
  out.emit({ key: record.valueBytes, value: record.keyBytes });
});

transform("nulls", (record, out) => {
  out.emit({ key: otherNothing(record.keyBytes), value: otherNothing(record.valueBytes) });
});

transform("headers", ({ headers }, out) => {
  out.emit({ headers: [...headers, ["count", String(headers.length)]] });
}, { columns: ["headers"] });

transform("edit-headers", (record, out) => {
  const headers = record.headers.filter(([key]) => key !== "a");
  out.emit({ headers: headers.map(([k, v]) => [k, k === "empty" ? record.valueBytes : v]) });
}, { columns: ["headers"] });

transform("origin", ({ source }, out) => {
  out.value([source.split, source.positionHigh, source.positionLow, source.ordinal].join("/"));
}, { columns: ["source"] });

transform("restamp", ({ timestamp }, out) => {
  out.emit({ timestamp: timestamp === null ? 0 : Number(timestamp) + 1 });
});

transform("route", (record, out) => {
  const fields = { target: `t-${text(record)}`, partition: Number(text(record)) };
  out.emit(isOdd(record) ? { ...fields, output: "odd" } : fields);
}, { outputs: ["odd"] });

transform("clock", (_, out) => out.value(String(new Date().getTime())));

transform("sleep", (record, out) => {
  const before = Date.now();
  sleep(1000 * Number(text(record)));
  out.value(String(Date.now() - before));
});

transform("random", (_, out) => {
  const bytes = Uint8Array.from({ length: 16 }, () => Math.floor(256 * Math.random()));
  out.value(hex(bytes));
});

transform("log", (record, out) => {
  console.log(text(record));
  metrics.count("logged");
  failOdd(record, out);
});

transform("metrics", (record, out) => {
  const n = Number(text(record));
  metrics.count("sum", n);
  metrics.gauge("last", n);
  metrics.observe("seen", n);
  failOdd(record, out);
});

transform("greet", (record, out) => out.value(settings.greeting + text(record)));

transform("settings", (_, out) => {
  out.value(`times=${settings.times} loud=${settings.loud}`);
});

deserializer("lines", (record, out) => {
  if (record.value === "END") return out.endOfStream();
  for (const line of text(record).split("\n").filter(Boolean)) out.value(line);
});

serializer("pair", (record, out) => {
  out.emit({ key: null, value: join(record.keyBytes, Uint8Array.of(61), record.valueBytes) });
});

partitioner("length", (record, partitions) => {
  const value = record.valueBytes;
  if (value === null) throw new Failure(Code.Failed, "null");
  return value.length === 0 ? -1 : value.length % partitions;
});

bucketer("initial", ({ value }) => {
  if (!value) throw new Failure(Code.Failed, "empty");
  return `initial=${value[0]}`;
});
