// The guest in AssemblyScript that `wasmflow conformance` is tested with.

import {
  Buffer, Bytes, Column, Context, Emitter, Level, Record, bucketer, config, deserializer, onOpen,
  partitioner, plugin, refuse, serializer, transform,
} from "../../sdk/assemblyscript/assembly";

export * from "../../sdk/assemblyscript/assembly/exports";

plugin("conformance-assemblyscript", "1.0.0");

/** The code of the failures that the kit asks for. */
const FAILED = 7;

const greeting = config.text("greeting", "hello ", "what greet puts before a value");
const times = config.integer("times", 1, "what settings tells");
const loud = config.flag("loud", false, "what settings tells, too");

onOpen(() => {
  if (greeting.value == "") refuse("greeting", "must not be empty");
});

/** Whether a record's value ends in an odd digit. */
function odd(r: Record): bool {
  const v = r.value;
  return v.length > 0 && v[v.length - 1] % 2 == 1;
}

transform("echo", (ctx, r, out) => { out.forward(); });

transform("upper", (ctx, r, out) => {
  const v = r.value;
  if (v.isNull) {
    out.forward();
    return;
  }
  const n = v.length, from = v.ptr;
  const b = out.buffer(n);
  const to = b.append(n);
  for (let i = 0; i < n; i++) {
    const c = load<u8>(from + i);
    store<u8>(to + i, c - 0x61 < 26 ? c - 32 : c);
  }
  out.value(b);
});

transform("drop-odd", (ctx, r, out) => {
  if (!odd(r)) out.forward();
});

// It emits before it fails: what it emitted must not be seen.
function failOdd(ctx: Context, r: Record, out: Emitter): void {
  out.forward();
  if (odd(r)) ctx.fail(FAILED, "odd");
}
transform("fail-odd", failOdd);

transform("crash-odd", (ctx, r, out) => {
  out.forward();
  if (odd(r)) throw new Error("an odd record");
});

// The allocator says so at once: a block has 1 GiB at most.
transform("hoard", (ctx, r, out) => {
  if (odd(r)) heap.alloc(3 << 30);
  out.forward();
});

transform("repeat", (ctx, r, out) => {
  const n = <u64>r.value.toInteger();
  for (let i = ctx.cursor; i < n; i++) {
    if (out.full) {
      out.resumeAt(i);
      return;
    }
    out.value(out.buffer(20).unsigned(i));
  }
});

transform("swap", (ctx, r, out) => { out.keyValue(r.value, r.key); });

/** Makes of null empty and of empty null. */
function otherNothing(b: Bytes): Bytes {
  if (b.isNull) return Bytes.empty();
  return b.length == 0 ? Bytes.null() : b;
}

transform("nulls", (ctx, r, out) => { out.keyValue(otherNothing(r.key), otherNothing(r.value)); });

const COUNT = Bytes.of("count");

transform("headers", (ctx, r, out) => {
  out.forward().header(COUNT, out.buffer(20).integer(r.headerCount));
}).reads(Column.Headers);

transform("edit-headers", (ctx, r, out) => {
  const e = out.forward().noHeaders();
  for (let i = 0; i < r.headerCount; i++) {
    const key = r.headerKey(i);
    if (key.equals("a")) continue;
    e.header(key, key.equals("empty") ? r.value : r.headerValue(i));
  }
}).reads(Column.Headers);

transform("origin", (ctx, r, out) => {
  const b = out.buffer(r.split.length + 64).bytes(r.split).text("/").unsigned(r.positionHigh);
  out.value(b.text("/").unsigned(r.positionLow).text("/").unsigned(r.ordinal));
}).reads(Column.Source);

transform("restamp", (ctx, r, out) => {
  out.forward().timestamp(r.hasTimestamp ? r.timestamp + 1 : 0);
});

transform("route", (ctx, r, out) => {
  const target = out.buffer(20).text("t-").bytes(r.value);
  const e = out.forward().target(target).partition(<i32>r.value.toInteger());
  if (odd(r)) e.output("odd");
}).outputs("odd");

transform("clock", (ctx, r, out) => { out.value(out.buffer(20).integer(ctx.now)); });

transform("random", (ctx, r, out) => {
  out.value(out.buffer(32).hex(ctx.random()).hex(ctx.random()));
});

transform("log", (ctx, r, out) => {
  ctx.logBytes(Level.Info, r.value);
  ctx.count("logged");
  failOdd(ctx, r, out);
});

transform("metrics", (ctx, r, out) => {
  const n = F64.parseFloat(r.value.toString());
  ctx.count("sum", n);
  ctx.gauge("last", n);
  ctx.observe("seen", n);
  failOdd(ctx, r, out);
});

transform("greet", (ctx, r, out) => {
  const b = out.buffer(greeting.bytes.length + r.value.length);
  out.value(b.bytes(greeting.bytes).bytes(r.value));
});

transform("settings", (ctx, r, out) => {
  const b = out.buffer(64).text("times=").integer(times.value);
  out.value(b.text(" loud=").text(loud.value ? "true" : "false"));
});

const LINE = new Bytes();

deserializer("lines", (ctx, r, out) => {
  const v = r.value;
  if (v.equals("END")) {
    out.endOfStream();
    return;
  }
  for (let start = 0; start < v.length; ) {
    const newline = v.indexOf(0x0a, start);
    const end = newline < 0 ? v.length : newline;
    if (end > start) out.value(LINE.set(v.ptr + start, end - start));
    start = end + 1;
  }
});

serializer("pair", (ctx, r, out) => {
  const b = out.buffer(r.key.length + r.value.length + 1);
  out.keyValue(Bytes.null(), b.bytes(r.key).byte(0x3d).bytes(r.value));
});

// A buffer may be given itself.
transform("twice", (ctx, r, out) => {
  const b = out.buffer(r.value.length).bytes(r.value);
  out.value(b.bytes(b));
});

partitioner("length", (ctx, r, partitions) => {
  if (r.value.isNull) {
    ctx.fail(FAILED, "null");
    return -1;
  }
  return r.value.length == 0 ? -1 : r.value.length % partitions;
});

bucketer("initial", (ctx, r, name) => {
  if (r.value.length == 0) return ctx.fail(FAILED, "empty");
  name.text("initial=").byte(r.value[0]);
});
