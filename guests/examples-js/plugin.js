// The plugins of guests/examples/SPEC.md in JavaScript.

import { ConfigError, Failure, plugin, transform } from "wasmflow";

const settings = plugin({
  name: "examples-js",
  version: "1.0.0",
  config: { drop_paths: ["/health"], large_cents: 10000 },
  validate(c) {
    if (!c.drop_paths.every((path) => typeof path === "string")) {
      throw new ConfigError("drop_paths", "must be a list of texts");
    }
    if (!Number.isInteger(c.large_cents) || c.large_cents < 1) {
      throw new ConfigError("large_cents", "must be a whole number above 0");
    }
  },
});

// utf8 is the value as text, "" for null and for what is none.
function utf8(record) {
  try {
    return record.value ?? "";
  } catch {
    return "";
  }
}

// ---- access_log ----

const printable = /^[ -[\]-~]*$/; // but no backslash
const word = '([^ "]+)';
const line = new RegExp(
  `^${word} ${word} ${word} \\[([^\\]]+)\\] "${word} ${word} ${word}" ([1-5]\\d\\d) (\\d{1,15}|-)$`,
);

transform("access_log", (record, out) => {
  const text = utf8(record);
  const found = printable.test(text) ? line.exec(text) : null;
  if (!found) throw new Failure(1, "not a line of an access log");
  const [, client, , user, time, method, target, , status, size] = found;
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  if (settings.drop_paths.includes(path)) return;
  const query = mark < 0 ? null : target.slice(mark + 1);
  out.emit({
    key: client,
    json: {
      client, user: user === "-" ? null : user, time, method, path, query,
      status: Number(status), class: `${status[0]}xx`,
      bytes: size === "-" ? 0 : Number(size), error: status[0] >= "4",
    },
  });
}, { doc: "makes JSON of lines of an access log" });

// ---- route_order ----

// digits makes a BigInt of numbers that are 1 to 15 digits as they stand: of 1250, not of 1250.0.
function digits(_, value, context) {
  const whole = typeof value === "number" && /^\d{1,15}$/.test(context.source);
  return whole ? BigInt(value) : value;
}

function parse(text) {
  try {
    return JSON.parse(text, digits);
  } catch {
    return null;
  }
}

transform("route_order", (record, out) => {
  const { order, country, state, cents } = parse(utf8(record)) ?? {};
  if (
    typeof order !== "string" || order === "" || typeof country !== "string" ||
    !/^[A-Z]{2}$/.test(country) || typeof state !== "string" || typeof cents !== "bigint"
  ) {
    throw new Failure(2, "not an order");
  }
  if (state === "cancelled") return;
  const output = cents >= settings.large_cents ? "large" : undefined;
  out.emit({ key: order, target: `orders-${country.toLowerCase()}`, output });
}, { outputs: ["large"], doc: "drops cancelled orders, sends the others to topics by country" });

// ---- mask ----

const isLocal = (c) => /[\w.+-]/.test(c);
const isDomain = (c) => /[a-zA-Z0-9.-]/.test(c);

// domainEnd is where the domain ends that begins at from.
function domainEnd(text, from) {
  let to = from;
  while (to < text.length && isDomain(text[to])) to++;
  while (to > from && (text[to - 1] === "." || text[to - 1] === "-")) to--;
  return to;
}

function hideAddresses(text) {
  let [shown, done, hidden] = ["", 0, 0];
  for (let at = text.indexOf("@"); at >= 0; at = text.indexOf("@", Math.max(at + 1, done))) {
    let from = at;
    while (from > done && isLocal(text[from - 1])) from--;
    const to = domainEnd(text, at + 1);
    if (from === at || !text.slice(at + 2, to).includes(".")) continue;
    shown += `${text.slice(done, from + 1)}***${text.slice(at, to)}`;
    done = to;
    hidden++;
  }
  return [shown + text.slice(done), hidden];
}

function hideNumbers(text) {
  let hidden = 0;
  const shown = text.replace(/\d(?:[ -]?\d)*/g, (number) => {
    const count = number.replace(/[ -]/g, "").length;
    if (count < 12 || count > 19) return number;
    hidden++;
    let left = count - 4;
    return number.replace(/\d/g, (digit) => (left-- > 0 ? "*" : digit));
  });
  return [shown, hidden];
}

// Bytes that are no UTF-8 are worked on as the characters of their numbers, and made bytes again.
const characters = (bytes) => bytes.reduce((text, b) => text + String.fromCharCode(b), "");
const numbers = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));

transform("mask", (record, out) => {
  const bytes = record.valueBytes;
  if (bytes === null) return out.forward();
  const text = utf8(record);
  const binary = text === "" && bytes.length > 0;
  const [rest, addresses] = hideAddresses(binary ? characters(bytes) : text);
  const [shown, accounts] = hideNumbers(rest);
  if (addresses + accounts === 0) return out.forward();
  out.emit({
    value: binary ? numbers(shown) : shown,
    headers: [...record.headers, ["masked", String(addresses + accounts)]],
  });
}, { columns: ["headers"], doc: "hides e-mail addresses and long numbers" });
