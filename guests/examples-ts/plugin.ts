// The plugins of guests/examples/SPEC.md in TypeScript.

import { type Record, ConfigError, Failure, plugin, transform } from "wasmflow";
import { mask } from "./mask.ts";

interface Settings {
  drop_paths: string[];
  large_cents: number;
}

const settings = plugin<Settings>({
  name: "examples-ts",
  version: "1.0.0",
  config: { drop_paths: ["/health"], large_cents: 10000 },
  validate({ drop_paths, large_cents }) {
    if (drop_paths.some((path) => typeof path !== "string")) {
      throw new ConfigError("drop_paths", "must hold texts only");
    }
    if (!(Number.isInteger(large_cents) && large_cents >= 1)) {
      throw new ConfigError("large_cents", "must be an integer from 1 on");
    }
  },
});

enum Code {
  Line = 1,
  Order = 2,
}

/** The value as text; undefined for null and for what is no UTF-8. */
function text(record: Record): string | undefined {
  try {
    return record.value ?? undefined;
  } catch {
    return undefined;
  }
}

const line = new RegExp(
  [
    /^(?<client>[^ "]+) [^ "]+ (?<user>[^ "]+) \[(?<time>[^\]]+)\] /,
    /"(?<method>[^ "]+) (?<path>[^ "?]*)(?:\?(?<query>[^ "]*))? [^ "]+" /,
    /(?<status>(?<first>[1-5])\d\d) (?<size>\d{1,15}|-)$/,
  ].map((part) => part.source).join(""),
);

transform("access_log", (record, out) => {
  const value = text(record) ?? "";
  const entry = /[^ -~]|\\/.test(value) ? undefined : line.exec(value)?.groups;
  // A target is not empty; its path may be, before a query.
  if (!entry || (entry.path === "" && entry.query === undefined)) {
    throw new Failure(Code.Line, "not a line of an access log");
  }
  const { client, user, time, method, path, query, status, first, size } = entry;
  if (settings.drop_paths.includes(path)) return;
  const json = {
    client, user: user === "-" ? null : user, time, method, path, query: query ?? null,
    status: Number(status), class: first + "xx", bytes: Number(size) || 0, error: first > "3",
  };
  out.emit({ key: client, json });
}, { doc: "makes JSON of lines of an access log" });

interface Order {
  order: string;
  country: string;
  state: string;
  cents: bigint;
}

/** Makes of numbers that are written as whole ones, with 15 digits at most, a bigint. */
function whole(_: string, value: unknown, { source }: { source: string }): unknown {
  return typeof value === "number" && /^\d{1,15}$/.test(source) ? BigInt(source) : value;
}

function isOrder(value: unknown): value is Order {
  const { order, country, state, cents } = (value ?? {}) as Partial<Order>;
  return [order, country, state].every((member) => typeof member === "string") &&
    order !== "" && /^[A-Z]{2}$/.test(country ?? "") && typeof cents === "bigint";
}

transform("route_order", (record, out) => {
  let value: unknown;
  try {
    value = JSON.parse(text(record) ?? "", whole);
  } catch {
    // no JSON, and so no order
  }
  if (!isOrder(value)) throw new Failure(Code.Order, "not an order");
  if (value.state === "cancelled") return;
  const fields = { key: value.order, target: "orders-" + value.country.toLowerCase() };
  out.emit(value.cents < settings.large_cents ? fields : { ...fields, output: "large" });
}, { outputs: ["large"], doc: "drops cancelled orders, sends the others to topics by country" });

transform("mask", (record, out) => {
  const bytes = record.valueBytes;
  if (bytes === null) return out.forward();
  // What is no UTF-8 is worked on with a character for each byte.
  const utf8 = text(record);
  const masked = mask(utf8 ?? Array.from(bytes, (b) => String.fromCharCode(b)).join(""));
  if (masked.hidden === 0) return out.forward();
  const code = (c: string): number => c.charCodeAt(0);
  out.emit({
    value: utf8 === undefined ? Uint8Array.from(masked.text, code) : masked.text,
    headers: [...record.headers, ["masked", String(masked.hidden)]],
  });
}, { columns: ["headers"], doc: "hides e-mail addresses and long numbers" });
