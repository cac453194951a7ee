//! The plugins of guests/examples/SPEC.md in Zig.
const std = @import("std");
const wf = @import("wasmflow");

pub const panic = wf.panic;

const code_line = 1;
const code_order = 2;
const digits_max = 15;

var config: struct {
    drop_paths: []const []const u8 = &.{"/health"},
    large_cents: i64 = 10000,
} = .{};

fn opened() error{Refused}!void {
    if (config.large_cents < 1) return wf.refuse("large_cents", "is below 1");
}

fn isDomain(c: u8) bool {
    return std.ascii.isAlphanumeric(c) or c == '.' or c == '-';
}

fn isLocal(c: u8) bool {
    return isDomain(c) or c == '_' or c == '+';
}

fn isSeparator(c: u8) bool {
    return c == ' ' or c == '-';
}

// ---- access_log ----

const Wrong = error{Wrong};

/// Takes words off a line.
const Words = struct {
    rest: []const u8,

    /// What stands before end, which is taken off as well. It is not empty.
    fn until(w: *Words, end: []const u8) Wrong![]const u8 {
        var n: usize = 0;
        while (!std.mem.startsWith(u8, w.rest[n..], end)) {
            if (n == w.rest.len) return error.Wrong;
            n += 1;
        }
        const word = w.rest[0..n];
        w.rest = w.rest[n + end.len ..];
        return if (n > 0) word else error.Wrong;
    }

    /// Is until without spaces and quotes.
    fn plain(w: *Words, end: []const u8) Wrong![]const u8 {
        const word = try w.until(end);
        for (word) |c| if (c == ' ' or c == '"') return error.Wrong;
        return word;
    }

    fn skip(w: *Words, text: []const u8) Wrong!void {
        if (!std.mem.startsWith(u8, w.rest, text)) return error.Wrong;
        w.rest = w.rest[text.len..];
    }
};

const Line = struct {
    client: []const u8,
    user: []const u8,
    time: []const u8,
    method: []const u8,
    path: []const u8,
    query: ?[]const u8 = null,
    status: []const u8,
    size: []const u8,

    fn parse(text: []const u8) Wrong!Line {
        for (text) |c| if (c < 0x20 or c > 0x7e or c == '\\') return error.Wrong;
        var words: Words = .{ .rest = text };
        const client = try words.plain(" ");
        _ = try words.plain(" ");
        const user = try words.plain(" ");
        try words.skip("[");
        const time = try words.until("]");
        try words.skip(" \"");
        const method = try words.plain(" ");
        const path = try words.plain(" ");
        _ = try words.plain("\" ");
        const status = try words.plain(" ");
        if (status.len != 3 or status[0] < '1' or status[0] > '5') return error.Wrong;
        for (status) |c| if (!std.ascii.isDigit(c)) return error.Wrong;
        var line: Line = .{
            .client = client, .user = user, .time = time, .method = method, .path = path,
            .status = status, .size = try sized(words.rest),
        };
        for (path, 0..) |c, i| if (c == '?') {
            line.path = path[0..i];
            line.query = path[i + 1 ..];
            break;
        };
        return line;
    }
};

/// The number of bytes, without zeros before it.
fn sized(text: []const u8) Wrong![]const u8 {
    if (std.mem.eql(u8, text, "-")) return "0";
    if (text.len == 0 or text.len > digits_max) return error.Wrong;
    for (text) |c| if (!std.ascii.isDigit(c)) return error.Wrong;
    var zeros: usize = 0;
    while (zeros + 1 < text.len and text[zeros] == '0') zeros += 1;
    return text[zeros..];
}

fn quoted(bytes: ?[]const u8) std.json.Formatter(?[]const u8) {
    return std.json.fmt(bytes, .{});
}

fn accessLog(r: wf.Record, out: *wf.Emitter) !void {
    const l = Line.parse(r.value orelse "") catch
        return out.fail(code_line, "not a line of an access log");
    for (config.drop_paths) |path| if (std.mem.eql(u8, path, l.path)) return;
    const user: ?[]const u8 = if (std.mem.eql(u8, l.user, "-")) null else l.user;
    const head = try out.print("{{\"client\":{f},\"user\":{f},\"time\":{f},\"method\":{f}", .{
        quoted(l.client), quoted(user), quoted(l.time), quoted(l.method),
    });
    const format = "{s},\"path\":{f},\"query\":{f}," ++
        "\"status\":{s},\"class\":\"{c}xx\",\"bytes\":{s},\"error\":{}}}";
    const entry = try out.print(format, .{
        head, quoted(l.path), quoted(l.query), l.status, l.status[0], l.size, l.status[0] >= '4',
    });
    _ = try out.keyValue(l.client, entry);
}

// ---- route_order ----

const Order = struct { id: []const u8, country: []const u8, state: []const u8, cents: i64 };

fn textOf(doc: std.json.Value, name: []const u8) Wrong![]const u8 {
    const member = doc.object.get(name) orelse return error.Wrong;
    return if (member == .string) member.string else error.Wrong;
}

fn orderOf(value: []const u8, memory: std.mem.Allocator) !Order {
    const doc = try std.json.parseFromSliceLeaky(std.json.Value, memory, value, .{});
    if (doc != .object) return error.Wrong;
    // A number with a point or an exponent is no integer here, however whole it is.
    const cents = doc.object.get("cents") orelse return error.Wrong;
    if (cents != .integer or cents.integer < 0) return error.Wrong;
    if (cents.integer >= std.math.pow(i64, 10, digits_max)) return error.Wrong;
    const order: Order = .{
        .id = try textOf(doc, "order"), .country = try textOf(doc, "country"),
        .state = try textOf(doc, "state"), .cents = cents.integer,
    };
    if (order.id.len == 0 or order.country.len != 2) return error.Wrong;
    for (order.country) |c| if (!std.ascii.isUpper(c)) return error.Wrong;
    return order;
}

fn routeOrder(r: wf.Record, out: *wf.Emitter) !void {
    const order = orderOf(r.value orelse "", out.allocator()) catch |e| switch (e) {
        error.OutOfMemory => return e,
        else => return out.fail(code_order, "not an order"),
    };
    if (std.mem.eql(u8, order.state, "cancelled")) return;
    const topic = try out.print("orders-{s}", .{order.country});
    for (topic) |*c| c.* = std.ascii.toLower(c.*);
    const e = try out.forward();
    e.key(order.id);
    try e.target(topic);
    if (order.cents >= config.large_cents) e.output("large");
}

// ---- mask ----

const Range = struct { from: usize, to: usize };

/// The address around the @ at at; nothing before done belongs to it.
fn addressAround(value: []const u8, done: usize, at: usize) ?Range {
    var from = at;
    while (from > done and isLocal(value[from - 1])) from -= 1;
    var to = at + 1;
    while (to < value.len and isDomain(value[to])) to += 1;
    while (to > at + 1 and (value[to - 1] == '.' or value[to - 1] == '-')) to -= 1;
    if (from == at or to < at + 2) return null;
    for (value[at + 2 .. to]) |c| if (c == '.') return .{ .from = from, .to = to };
    return null;
}

/// Writes into a buffer that is large enough.
const Writer = struct {
    buffer: []u8,
    end: usize = 0,

    fn put(w: *Writer, bytes: []const u8) void {
        @memcpy(w.buffer[w.end..][0..bytes.len], bytes);
        w.end += bytes.len;
    }
};

/// Writes value with its addresses hidden, and counts them.
fn putMasked(w: *Writer, value: []const u8) u32 {
    var n: u32 = 0;
    var done: usize = 0;
    for (value, 0..) |c, at| {
        if (c != '@') continue;
        const address = addressAround(value, done, at) orelse continue;
        w.put(value[done .. address.from + 1]);
        w.put("***");
        w.put(value[at..address.to]);
        done = address.to;
        n += 1;
    }
    w.put(value[done..]);
    return n;
}

/// Hides the numbers of a text, and counts them.
fn maskNumbers(value: []u8) u32 {
    const digits_min = 12;
    const digits_most = 19;
    const shown = 4;
    var n: u32 = 0;
    var from: usize = 0;
    while (from < value.len) : (from += 1) {
        if (!std.ascii.isDigit(value[from])) continue;
        var digits: usize = 0;
        var to = from;
        while (to < value.len) : (to += 1) {
            if (std.ascii.isDigit(value[to])) {
                digits += 1;
            } else if (!isSeparator(value[to]) or isSeparator(value[to - 1])) break;
        }
        if (digits >= digits_min and digits <= digits_most) {
            n += 1;
            var hidden: usize = 0;
            for (value[from..to]) |*c| {
                if (hidden == digits - shown) break;
                if (!std.ascii.isDigit(c.*)) continue;
                c.* = '*';
                hidden += 1;
            }
        }
        from = to;
    }
    return n;
}

fn mask(r: wf.Record, out: *wf.Emitter) !void {
    const value = r.value orelse "";
    var room = value.len;
    for (value) |c| room += if (c == '@') 3 else 0;
    var w: Writer = .{ .buffer = try out.alloc(room) };
    var hidden = putMasked(&w, value);
    hidden += maskNumbers(w.buffer[0..w.end]);
    if (hidden == 0) {
        _ = try out.forward();
        return;
    }
    const e = try out.value(w.buffer[0..w.end]);
    try e.header("masked", try out.print("{d}", .{hidden}));
}

comptime {
    wf.configured(.{ .name = "examples-zig", .version = "1.0.0", .functions = &.{
        wf.transform("access_log", accessLog, .{ .doc = "makes JSON of lines of an access log" }),
        wf.transform("route_order", routeOrder, .{
            .doc = "drops cancelled orders, sends the others to topics by country",
            .outputs = &.{"large"},
        }),
        wf.transform("mask", mask, .{
            .doc = "hides e-mail addresses and long numbers",
            .reads = &.{.headers},
        }),
    } }, &config, opened);
}
