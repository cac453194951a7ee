// A small JSON reader: for configurations, and for records where a library is too much.

/** What a JSON value is. */
export enum Kind { Null, Bool, Number, Text, List, Object }

/** A JSON value. */
@final
export class Json {
  /** Of Kind.Text the text, of Kind.Number the number as it stands. */
  text: string = "";
  truth: bool = false;
  /** The items of a list, or the members of an object, whose names are in keys. */
  items: Json[] = [];
  keys: string[] = [];

  constructor(public kind: Kind) {}

  /** The member of that name, of an object that has one. */
  get(key: string): Json | null {
    const i = this.keys.indexOf(key);
    return i < 0 ? null : this.items[i];
  }

  /** What kind of value it is, for messages. */
  get what(): string {
    switch (this.kind) {
      case Kind.Null: return "null";
      case Kind.Bool: return "a boolean";
      case Kind.Number: return "a number";
      case Kind.Text: return "a string";
      case Kind.List: return "an array";
      default: return "an object";
    }
  }

  /** Reads one value with nothing behind it; Json.problem says what is wrong with the text. */
  static parse(text: string): Json {
    source = text;
    at = 0;
    problem = "";
    const value = parseValue(0);
    space();
    if (problem == "" && at < source.length) return wrong("something stands behind the value");
    return value;
  }

  /** What was wrong with the text of the last parse, or "". */
  static get problem(): string { return problem; }
}

/** Bounds the depth of a value: a deeper one is hardly a record, and recursion costs stack. */
const DEPTH_MAX = 64;

// The text that is read, and how far.
let source: string = "";
let at: i32 = 0;
let problem: string = "";

function wrong(message: string): Json {
  if (problem == "") problem = "JSON at character " + at.toString() + ": " + message;
  return new Json(Kind.Null);
}

function peek(): i32 { return at < source.length ? source.charCodeAt(at) : -1; }

function take(c: i32): bool {
  if (peek() != c) return false;
  at++;
  return true;
}

function space(): void {
  while (at < source.length) {
    const c = peek();
    if (c != 0x20 && c != 9 && c != 10 && c != 13) return;
    at++;
  }
}

function parseValue(depth: i32): Json {
  if (depth > DEPTH_MAX) return wrong("too deep");
  space();
  const c = peek();
  if (c == 0x7b) return parseMembers(depth, true);
  if (c == 0x5b) return parseMembers(depth, false);
  if (c == 0x22) {
    const value = new Json(Kind.Text);
    value.text = parseText();
    return value;
  }
  if (c == 0x2d || (c >= 0x30 && c <= 0x39)) return parseNumber();
  if (word("true")) {
    const value = new Json(Kind.Bool);
    value.truth = true;
    return value;
  }
  if (word("false")) return new Json(Kind.Bool);
  if (word("null")) return new Json(Kind.Null);
  return wrong("no value begins like this");
}

function word(w: string): bool {
  if (source.substr(at, w.length) != w) return false;
  at += w.length;
  return true;
}

function digits(): bool {
  const start = at;
  while (peek() >= 0x30 && peek() <= 0x39) at++;
  return at > start;
}

function parseNumber(): Json {
  const start = at;
  take(0x2d);
  let ok = take(0x30) || digits();
  if (take(0x2e)) ok = digits() && ok;
  if (take(0x65) || take(0x45)) {
    if (!take(0x2b)) take(0x2d);
    ok = digits() && ok;
  }
  if (!ok) return wrong("a digit is missing");
  const value = new Json(Kind.Number);
  value.text = source.substring(start, at);
  return value;
}

/** Reads an object or an array. */
function parseMembers(depth: i32, named: bool): Json {
  const value = new Json(named ? Kind.Object : Kind.List);
  const close = named ? 0x7d : 0x5d;
  at++;
  space();
  if (take(close)) return value;
  while (problem == "") {
    if (named) {
      space();
      if (peek() != 0x22) return wrong("a member begins with its name");
      value.keys.push(parseText());
      space();
      if (!take(0x3a)) return wrong("a colon is missing");
    }
    value.items.push(parseValue(depth + 1));
    space();
    if (take(close)) return value;
    if (!take(0x2c)) return wrong("a comma or the end is missing");
  }
  return value;
}

function parseText(): string {
  at++;
  let text = "";
  let start = at;
  while (true) {
    const c = peek();
    if (c < 0x20) {
      wrong(c < 0 ? "a string has no end" : "a control character in a string");
      return text;
    }
    if (c == 0x22) {
      text += source.substring(start, at);
      at++;
      return text;
    }
    if (c != 0x5c) {
      at++;
      continue;
    }
    text += source.substring(start, at);
    at++;
    text += escape();
    start = at;
  }
}

function escape(): string {
  const c = peek();
  at++;
  switch (c) {
    case 0x22: case 0x5c: case 0x2f: return String.fromCharCode(c);
    case 0x62: return "\b";
    case 0x66: return "\f";
    case 0x6e: return "\n";
    case 0x72: return "\r";
    case 0x74: return "\t";
    case 0x75: {
      let n = 0;
      for (let i = 0; i < 4; i++, at++) {
        const d = peek(), lower = d | 32;
        if (d >= 0x30 && d <= 0x39) n = n << 4 | (d - 0x30);
        else if (lower >= 0x61 && lower <= 0x66) n = n << 4 | (lower - 0x57);
        else {
          wrong("\\u wants four hexadecimal digits");
          return "";
        }
      }
      return String.fromCharCode(n);
    }
    default:
      wrong("no escape sequence");
      return "";
  }
}

/** A text as JSON. */
export function quote(s: string): string {
  let text = '"';
  for (let i = 0; i < s.length; i++) {
    const c = s.charCodeAt(i);
    if (c == 0x22 || c == 0x5c) text += "\\" + s.charAt(i);
    else if (c >= 0x20) text += s.charAt(i);
    else text += "\\u00" + (c >> 4).toString() + (c & 15).toString(16);
  }
  return text + '"';
}
