//! What `wasmflow conformance` asks of an SDK, in Zig (docs/conformance.md).
const std = @import("std");
const wf = @import("wasmflow");

pub const panic = wf.panic;

/// The code of the failures that the kit asks for.
const code_failed = 7;

var config: struct {
    greeting: []const u8 = "hello ",
    times: i64 = 1,
    loud: bool = false,
} = .{};

fn opened() error{Refused}!void {
    if (config.greeting.len == 0) return wf.refuse("greeting", "must not be empty");
}

fn isOdd(r: wf.Record) bool {
    const v = r.value orelse return false;
    return v.len > 0 and v[v.len - 1] % 2 == 1;
}

fn number(r: wf.Record) !u31 {
    return std.fmt.parseInt(u31, r.value orelse "", 10);
}

fn echo(_: wf.Record, out: *wf.Emitter) !void {
    _ = try out.forward();
}

fn upper(r: wf.Record, out: *wf.Emitter) !void {
    const from = r.value orelse return echo(r, out);
    const to = try out.alloc(from.len);
    for (to, from) |*t, c| t.* = std.ascii.toUpper(c);
    _ = try out.value(to);
}

fn dropOdd(r: wf.Record, out: *wf.Emitter) !void {
    if (!isOdd(r)) _ = try out.forward();
}

/// It emits before it fails: what it emitted must not be seen.
fn failOdd(r: wf.Record, out: *wf.Emitter) !void {
    _ = try out.forward();
    if (isOdd(r)) return out.fail(code_failed, "odd");
}

fn crashOdd(r: wf.Record, out: *wf.Emitter) !void {
    _ = try out.forward();
    if (isOdd(r)) @panic("an odd record");
}

fn hoard(r: wf.Record, out: *wf.Emitter) !void {
    if (isOdd(r)) _ = try out.alloc(1 << 30);
    _ = try out.forward();
}

fn repeat(r: wf.Record, out: *wf.Emitter) !void {
    const n = try number(r);
    var i = out.cursor();
    while (i < n) : (i += 1) {
        if (out.full()) return out.continueAt(i);
        _ = try out.value(try out.print("{d}", .{i}));
    }
}

fn swap(r: wf.Record, out: *wf.Emitter) !void {
    _ = try out.keyValue(r.value, r.key);
}

/// Makes of null empty and of empty null.
fn otherNothing(b: ?[]const u8) ?[]const u8 {
    const bytes = b orelse return "";
    return if (bytes.len == 0) null else bytes;
}

fn nulls(r: wf.Record, out: *wf.Emitter) !void {
    _ = try out.keyValue(otherNothing(r.key), otherNothing(r.value));
}

fn headers(r: wf.Record, out: *wf.Emitter) !void {
    const e = try out.forward();
    try e.header("count", try out.print("{d}", .{r.headerCount()}));
}

fn editHeaders(r: wf.Record, out: *wf.Emitter) !void {
    const e = try out.forward();
    try e.noHeaders();
    for (0..r.headerCount()) |i| {
        const h = r.header(@intCast(i));
        if (std.mem.eql(u8, h.key, "a")) continue;
        try e.header(h.key, if (std.mem.eql(u8, h.key, "empty")) r.value else h.value);
    }
}

fn origin(r: wf.Record, out: *wf.Emitter) !void {
    const o = r.origin();
    _ = try out.value(try out.print("{s}/{d}/{d}/{d}", .{
        o.split, o.position_high, o.position_low, o.ordinal,
    }));
}

fn restamp(r: wf.Record, out: *wf.Emitter) !void {
    const e = try out.forward();
    try e.timestamp(if (r.timestamp) |t| t + 1 else 0);
}

fn route(r: wf.Record, out: *wf.Emitter) !void {
    const n = try number(r);
    const e = try out.forward();
    try e.target(try out.print("t-{s}", .{r.value.?}));
    try e.partition(n);
    if (isOdd(r)) e.output("odd");
}

fn clock(_: wf.Record, out: *wf.Emitter) !void {
    _ = try out.value(try out.print("{d}", .{@divFloor(out.now(), std.time.ns_per_ms)}));
}

fn random(_: wf.Record, out: *wf.Emitter) !void {
    _ = try out.value(try out.print("{x:0>16}{x:0>16}", .{ out.random(), out.random() }));
}

fn logValue(r: wf.Record, out: *wf.Emitter) !void {
    wf.log(.info, r.value orelse "");
    wf.count("logged", 1);
    try failOdd(r, out);
}

fn metrics(r: wf.Record, out: *wf.Emitter) !void {
    const n: f64 = @floatFromInt(try number(r));
    wf.count("sum", n);
    wf.gauge("last", n);
    wf.observe("seen", n);
    try failOdd(r, out);
}

fn greet(r: wf.Record, out: *wf.Emitter) !void {
    _ = try out.value(try out.print("{s}{s}", .{ config.greeting, r.value orelse "" }));
}

fn tellSettings(_: wf.Record, out: *wf.Emitter) !void {
    _ = try out.value(try out.print("times={d} loud={}", .{ config.times, config.loud }));
}

fn lines(r: wf.Record, out: *wf.Emitter) !void {
    const value = r.value orelse "";
    if (std.mem.eql(u8, value, "END")) return out.endOfStream();
    var rest = std.mem.tokenizeScalar(u8, value, '\n');
    while (rest.next()) |line| _ = try out.value(line);
}

fn pair(r: wf.Record, out: *wf.Emitter) !void {
    const text = try out.print("{s}={s}", .{ r.key orelse "", r.value orelse "" });
    _ = try out.keyValue(null, text);
}

fn length(r: wf.Record, out: *wf.Emitter, partitions: u32) !?u32 {
    const value = r.value orelse return out.fail(code_failed, "null");
    return if (value.len == 0) null else @intCast(value.len % partitions);
}

fn initial(r: wf.Record, out: *wf.Emitter) ![]const u8 {
    const value = r.value orelse "";
    if (value.len == 0) return out.fail(code_failed, "empty");
    return out.print("initial={c}", .{value[0]});
}

comptime {
    wf.configured(.{ .name = "conformance-zig", .version = "1.0.0", .functions = &.{
        wf.transform("echo", echo, .{}),
        wf.transform("upper", upper, .{}),
        wf.transform("drop-odd", dropOdd, .{}),
        wf.transform("fail-odd", failOdd, .{}),
        wf.transform("crash-odd", crashOdd, .{}),
        wf.transform("hoard", hoard, .{}),
        wf.transform("repeat", repeat, .{}),
        wf.transform("swap", swap, .{}),
        wf.transform("nulls", nulls, .{}),
        wf.transform("headers", headers, .{ .reads = &.{.headers} }),
        wf.transform("edit-headers", editHeaders, .{ .reads = &.{.headers} }),
        wf.transform("origin", origin, .{ .reads = &.{.source} }),
        wf.transform("restamp", restamp, .{}),
        wf.transform("route", route, .{ .outputs = &.{"odd"} }),
        wf.transform("clock", clock, .{}),
        wf.transform("random", random, .{}),
        wf.transform("log", logValue, .{}),
        wf.transform("metrics", metrics, .{}),
        wf.transform("greet", greet, .{}),
        wf.transform("settings", tellSettings, .{}),
        wf.deserializer("lines", lines, .{}),
        wf.serializer("pair", pair, .{}),
        wf.partitioner("length", length, .{}),
        wf.bucketer("initial", initial, .{}),
    } }, &config, opened);
}
