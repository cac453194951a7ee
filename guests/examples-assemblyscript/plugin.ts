// The plugins of guests/examples/SPEC.md in AssemblyScript.

import {
  Buffer, Bytes, Column, Context, Emitter, Json, Kind, Record, config, onOpen, plugin, refuse,
  transform,
} from "../../sdk/assemblyscript/assembly";

export * from "../../sdk/assemblyscript/assembly/exports";

plugin("examples-assemblyscript", "1.0.0");

/** The codes of failures, and the longest numbers, in digits. */
const LINE = 1, ORDER = 2, DIGITS_MAX = 15;

const SPACE: u8 = 0x20, QUOTE: u8 = 0x22, MINUS: u8 = 0x2d, POINT: u8 = 0x2e, QUERY: u8 = 0x3f,
  AT: u8 = 0x40, BACKSLASH: u8 = 0x5c, STAR: u8 = 0x2a;

const dropPaths = config.json("drop_paths", "paths whose requests are dropped, or else /health");
const largeCents = config.integer("large_cents", 10000, "orders from this amount on are large");

let dropped: Json[] = [];

onOpen(() => {
  const given = dropPaths.value;
  if (given.kind == Kind.Null) {
    const health = new Json(Kind.Text);
    health.text = "/health";
    dropped = [health];
  } else if (given.kind == Kind.List) {
    dropped = given.items;
  } else {
    refuse("drop_paths", "is " + given.what + ", not a list of texts");
  }
  for (let i = 0; i < dropped.length; i++) {
    if (dropped[i].kind != Kind.Text) refuse("drop_paths", "holds " + dropped[i].what);
  }
  if (largeCents.value < 1) refuse("large_cents", "is below 1");
});

function isDigit(c: u8): bool { return c - 0x30 <= 9; }

function isCapital(c: u8): bool { return c - 0x41 < 26; }

function isDomain(c: u8): bool {
  return isCapital(c & 0xdf) || isDigit(c) || c == POINT || c == MINUS;
}

function isLocal(c: u8): bool { return isDomain(c) || c == 0x5f || c == 0x2b; }

function isPrintable(b: Bytes): bool {
  for (let i = 0; i < b.length; i++) {
    if (b[i] < SPACE || b[i] > 0x7e || b[i] == BACKSLASH) return false;
  }
  return true;
}

function areDigits(b: Bytes): bool {
  for (let i = 0; i < b.length; i++) {
    if (!isDigit(b[i])) return false;
  }
  return true;
}

// ---- access_log ----

// What is left of a line, and its parts: views that each line uses anew.
const rest = new Bytes(), skipped = new Bytes(), client = new Bytes(), user = new Bytes(),
  time = new Bytes(), method = new Bytes(), path = new Bytes(), query = new Bytes(),
  status = new Bytes();

/** Takes word off rest: what stands before end, which is taken off, too. It is not empty. */
function until(word: Bytes, end: u8): bool {
  const n = rest.indexOf(end);
  if (n <= 0) return false;
  word.set(rest.ptr, n);
  rest.set(rest.ptr + n + 1, rest.length - n - 1);
  return true;
}

/** Is until a space, without quotes. */
function plain(word: Bytes): bool { return until(word, SPACE) && word.indexOf(QUOTE) < 0; }

function skip(c: u8): bool {
  if (rest.length == 0 || rest[0] != c) return false;
  rest.set(rest.ptr + 1, rest.length - 1);
  return true;
}

/** Takes a line apart; what is left is the number of bytes. */
function parse(line: Bytes): bool {
  if (!isPrintable(line)) return false;
  rest.set(line.ptr, line.length);
  const right = plain(client) && plain(skipped) && plain(user) && skip(0x5b) && until(time, 0x5d) &&
    skip(SPACE) && skip(QUOTE) && plain(method) && plain(path) && until(skipped, QUOTE) &&
    skipped.indexOf(SPACE) < 0 && skip(SPACE) && plain(status);
  if (!right || status.length != 3 || !areDigits(status)) return false;
  if (status[0] < 0x31 || status[0] > 0x35) return false;
  const mark = path.indexOf(QUERY);
  query.isNull = mark < 0;
  if (mark >= 0) {
    query.set(path.ptr + mark + 1, path.length - mark - 1);
    path.set(path.ptr, mark);
  }
  if (rest.equals("-")) return true;
  return rest.length > 0 && rest.length <= DIGITS_MAX && areDigits(rest);
}

function member(b: Buffer, before: string, text: Bytes, isNull: bool = false): void {
  b.text(before);
  if (isNull) b.text("null");
  else b.quoted(text);
}

function accessLog(ctx: Context, r: Record, out: Emitter): void {
  if (!parse(r.value)) return ctx.fail(LINE, "not a line of an access log");
  for (let i = 0; i < dropped.length; i++) {
    if (path.equals(dropped[i].text)) return;
  }
  const b = out.buffer(r.value.length + 160);
  member(b, '{"client":', client);
  member(b, ',"user":', user, user.equals("-"));
  member(b, ',"time":', time);
  member(b, ',"method":', method);
  member(b, ',"path":', path);
  member(b, ',"query":', query, query.isNull);
  b.text(',"status":').bytes(status).text(',"class":"').byte(status[0]).text('xx","bytes":');
  b.integer(rest.equals("-") ? 0 : rest.toInteger());
  b.text(',"error":').text(status[0] >= 0x34 ? "true}" : "false}");
  out.keyValue(client, b);
}
transform("access_log", accessLog).doc("makes JSON of lines of an access log");

// ---- route_order ----

/** The text of a member; "" where there is none, or none of that kind. */
function textOf(doc: Json, name: string, kind: Kind): string {
  const found = doc.get(name);
  return found != null && found.kind == kind ? found.text : "";
}

/** The amount of an order, or -1. */
function centsOf(doc: Json): i64 {
  const text = textOf(doc, "cents", Kind.Number);
  if (text.length == 0 || text.length > DIGITS_MAX) return -1;
  for (let i = 0; i < text.length; i++) {
    if (!isDigit(<u8>text.charCodeAt(i))) return -1;
  }
  return I64.parseInt(text);
}

function isCountry(text: string): bool {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) < 0x41 || text.charCodeAt(i) > 0x5a) return false;
  }
  return text.length == 2;
}

function routeOrder(ctx: Context, r: Record, out: Emitter): void {
  const doc = Json.parse(r.value.toString());
  const order = textOf(doc, "order", Kind.Text), country = textOf(doc, "country", Kind.Text);
  const state = doc.get("state"), cents = centsOf(doc);
  if (Json.problem != "" || order == "" || !isCountry(country) || cents < 0 || state == null ||
      state.kind != Kind.Text) {
    return ctx.fail(ORDER, "not an order");
  }
  if (state.text == "cancelled") return;
  const target = out.buffer(16).text("orders-").text(country.toLowerCase());
  const e = out.forward().target(target).key(out.buffer(order.length).text(order));
  if (cents >= largeCents.value) e.output("large");
}
transform("route_order", routeOrder).outputs("large")
  .doc("drops cancelled orders, sends the others to topics by country");

// ---- mask ----

/** Where the domain ends that begins at from; -1 if it has no point behind its first byte. */
function endOfDomain(v: Bytes, from: i32): i32 {
  let to = from;
  while (to < v.length && isDomain(v[to])) to++;
  while (to > from && (v[to - 1] == POINT || v[to - 1] == MINUS)) to--;
  const point = v.indexOf(POINT, from + 1);
  return point >= 0 && point < to ? to : -1;
}

const part = new Bytes();

/** Appends a part of v. */
function put(b: Buffer, v: Bytes, from: i32, to: i32): void {
  b.bytes(part.set(v.ptr + from, to - from));
}

/** Appends v with its addresses hidden, and counts them. */
function putMasked(b: Buffer, v: Bytes): i32 {
  let n = 0, done = 0, at = v.indexOf(AT);
  while (at >= 0) {
    let from = at;
    while (from > done && isLocal(v[from - 1])) from--;
    const to = endOfDomain(v, at + 1);
    if (from < at && to >= 0) {
      put(b, v, done, from + 1);
      b.text("***");
      put(b, v, at, to);
      done = to;
      n++;
    }
    at = v.indexOf(AT, max(at + 1, done));
  }
  put(b, v, done, v.length);
  return n;
}

const DIGITS_HIDDEN_MIN = 12, DIGITS_HIDDEN_MAX = 19, DIGITS_SHOWN = 4;

/** Hides the numbers of b, and counts them. */
function maskNumbers(b: Buffer): i32 {
  let n = 0;
  for (let from = 0; from < b.length; from++) {
    let digits = 0, to = from, last = from;
    for (; to < b.length; to++) {
      if (isDigit(b[to])) {
        digits++;
        last = to;
      } else if (digits == 0 || to - last > 1 || (b[to] != SPACE && b[to] != MINUS)) {
        break;
      }
    }
    if (digits >= DIGITS_HIDDEN_MIN && digits <= DIGITS_HIDDEN_MAX) {
      n++;
      for (let i = from; digits > DIGITS_SHOWN; i++) {
        if (!isDigit(b[i])) continue;
        store<u8>(b.ptr + i, STAR);
        digits--;
      }
    }
    from = last;
  }
  return n;
}

function mask(ctx: Context, r: Record, out: Emitter): void {
  const b = out.buffer(r.value.length + 32);
  const addresses = putMasked(b, r.value), hidden = addresses + maskNumbers(b);
  if (hidden == 0) {
    out.forward();
    return;
  }
  out.value(b).header(MASKED, out.buffer(10).integer(hidden));
}

const MASKED = Bytes.of("masked");

transform("mask", mask).reads(Column.Headers).doc("hides e-mail addresses and long numbers");
