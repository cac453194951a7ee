//! The output of a call, and the loop over its records.
const std = @import("std");
const layout = @import("layout.zig");
const CoreOut = layout.CoreOut;
const address = layout.address;

/// What a call takes of memory is given back to the next call, not to the engine.
const heap = std.heap.wasm_allocator;

/// An emitted record, to be refined.
pub const Entry = struct {
    out: *Emitter,
    i: usize,

    fn core(e: Entry) *CoreOut {
        return &e.out.entries.items[e.i];
    }

    pub fn key(e: Entry, bytes: ?[]const u8) void {
        const c = e.core();
        c.flags &= ~(layout.same_key | layout.null_key);
        if (bytes) |b| {
            c.key, c.key_length = e.out.hold(b);
        } else c.flags |= layout.null_key;
    }

    pub fn value(e: Entry, bytes: ?[]const u8) void {
        const c = e.core();
        c.flags &= ~(layout.same_value | layout.null_value);
        if (bytes) |b| {
            c.value, c.value_length = e.out.hold(b);
        } else c.flags |= layout.null_value;
    }

    pub fn timestamp(e: Entry, milliseconds: ?i64) !void {
        const ms = milliseconds orelse layout.no_timestamp;
        try e.out.timestamps.set(e.i, ms);
        e.core().flags &= ~layout.same_timestamp;
    }

    /// One of the outputs in the function's About.
    pub fn output(e: Entry, name: []const u8) void {
        for (e.out.outputs, 1..) |have, i| {
            if (std.mem.eql(u8, have, name)) {
                e.core().output = @intCast(i);
                return;
            }
        }
        @panic("wasmflow: the function has no such output");
    }

    /// A topic or the like.
    pub fn target(e: Entry, name: []const u8) !void {
        try e.out.targets.set(e.i, try e.out.text(name));
    }

    pub fn partition(e: Entry, n: u31) !void {
        try e.out.partitions.set(e.i, n);
    }

    pub fn noHeaders(e: Entry) !void {
        try e.out.headers.set(e.i, .{});
        e.core().flags &= ~layout.same_headers;
    }

    /// Adds a header behind those the entry has: the record's, unless they were taken away.
    pub fn header(e: Entry, k: []const u8, v: ?[]const u8) !void {
        const o = e.out;
        if (e.core().flags & layout.same_headers != 0) {
            try e.noHeaders();
            const r = try o.frame.record(e.core().parent);
            for (0..r.headerCount()) |i| {
                const h = r.header(@intCast(i));
                try e.header(h.key, h.value);
            }
        }
        const list = &o.headers.rows.items[e.i];
        const end = o.header_entries.items.len;
        if (list.first + list.count != end) {
            // Headers of another entry stand behind: this entry's move to the end.
            try o.header_entries.ensureUnusedCapacity(heap, list.count);
            const have = o.header_entries.items[list.first..][0..list.count];
            o.header_entries.appendSliceAssumeCapacity(have);
            list.first = @intCast(end);
        }
        const at, const length = o.hold(k);
        var h: layout.HeaderEntry = .{
            .key = at,
            .key_length = length,
            .value = 0,
            .value_length = layout.none,
        };
        if (v) |b| h.value, h.value_length = o.hold(b);
        try o.header_entries.append(heap, h);
        list.count += 1;
    }
};

/// A column of the output: rows that were never set hold what stands for nothing.
fn Cells(comptime T: type, comptime nothing: T) type {
    return struct {
        rows: std.ArrayList(T) = .empty,

        fn set(c: *@This(), i: usize, v: T) !void {
            try c.fill(i + 1);
            c.rows.items[i] = v;
        }

        fn fill(c: *@This(), n: usize) !void {
            if (c.rows.items.len < n) try c.rows.appendNTimes(heap, nothing, n - c.rows.items.len);
        }
    };
}

const columns = .{ "headers", "timestamps", "targets", "partitions", "buckets", "errors" };
const column_ids = .{ 1, 16, 17, 18, 19, 20 };

const Seen = struct { index: u32 = 0, call: u32 = 0 };
const seen_max = 256; // texts that are known again

/// Takes the output of a function. Functions that return errors do so for want of memory.
pub const Emitter = struct {
    frame: layout.Frame = undefined,
    outputs: []const []const u8 = &.{},
    entries: std.ArrayList(CoreOut) = .empty,
    headers: Cells(layout.Pair, .{}) = .{},
    timestamps: Cells(i64, layout.no_timestamp) = .{},
    targets: Cells(u32, layout.none) = .{},
    partitions: Cells(i32, -1) = .{},
    buckets: Cells(u32, layout.none) = .{},
    errors: Cells(layout.ErrorRow, .{}) = .{},
    header_entries: std.ArrayList(layout.HeaderEntry) = .empty,
    strings: std.ArrayList(layout.Pair) = .empty,
    texts: std.ArrayList([]const u8) = .empty,
    seen: [seen_max]Seen = @splat(.{}),
    call: u32 = 0,
    arena: std.heap.ArenaAllocator = .init(heap),
    directory: [7]layout.Column = undefined,
    head: layout.Output = .{},

    parent: u32 = 0,
    size: u64 = 0,
    draws: u32 = 0,
    cursor_in: u64 = 0,
    cursor_out: ?u64 = null,
    ended: bool = false,
    code: u32 = 0,
    reason: []const u8 = "",

    /// The record as it is.
    pub fn forward(o: *Emitter) !Entry {
        try o.entries.append(heap, .{ .parent = o.parent, .flags = layout.same_key |
            layout.same_value | layout.same_headers | layout.same_timestamp });
        return .{ .out = o, .i = o.entries.items.len - 1 };
    }

    /// The record with another value.
    pub fn value(o: *Emitter, v: ?[]const u8) !Entry {
        const e = try o.forward();
        e.value(v);
        return e;
    }

    /// The record with another key and value.
    pub fn keyValue(o: *Emitter, k: ?[]const u8, v: ?[]const u8) !Entry {
        const e = try o.value(v);
        e.key(k);
        return e;
    }

    /// Fails the record: return out.fail(7, "not a number").
    pub fn fail(o: *Emitter, code: u32, reason: []const u8) error{Failed} {
        o.code = code;
        o.reason = reason;
        return error.Failed;
    }

    /// Asks to be called again for this record, with the cursor; the function returns then, and
    /// goes on from record and cursor alone.
    pub fn continueAt(o: *Emitter, place: u64) void {
        o.cursor_out = place;
    }

    /// Of continueAt, if this record goes on; or 0.
    pub fn cursor(o: *const Emitter) u64 {
        return o.cursor_in;
    }

    /// Whether the host wants the output now.
    pub fn full(o: *const Emitter) bool {
        const h = o.frame.head();
        return o.entries.items.len >= h.out_records_soft or o.size >= h.out_bytes_soft;
    }

    /// Ends the split before this record; for deserializers.
    pub fn endOfStream(o: *Emitter) void {
        o.ended = true;
    }

    /// Memory that stays until the next call of the host. There is nothing to free.
    pub fn allocator(o: *Emitter) std.mem.Allocator {
        return o.arena.allocator();
    }

    pub fn alloc(o: *Emitter, n: usize) ![]u8 {
        return o.allocator().alloc(u8, n);
    }

    pub fn print(o: *Emitter, comptime format: []const u8, args: anytype) ![]u8 {
        return std.fmt.allocPrint(o.allocator(), format, args);
    }

    /// Time of the batch, nanoseconds since 1970.
    pub fn now(o: *const Emitter) i64 {
        return o.frame.head().batch_time_ns;
    }

    /// The same for the same record, whenever it runs.
    pub fn random(o: *Emitter) u64 {
        o.draws += 1;
        const place = @as(u64, o.parent) << 32 | o.draws;
        return mix(mix(o.frame.head().seed ^ o.cursor_in) +% mix(place));
    }

    pub fn choosePartition(o: *Emitter, n: ?u32) !void {
        const e = try o.answer();
        if (n) |p| try o.partitions.set(e, @intCast(p)) else try o.partitions.fill(e + 1);
    }

    pub fn chooseBucket(o: *Emitter, name: []const u8) !void {
        try o.buckets.set(try o.answer(), try o.text(name));
    }

    fn answer(o: *Emitter) !usize {
        try o.entries.append(heap, .{ .parent = o.parent });
        return o.entries.items.len - 1;
    }

    fn hold(o: *Emitter, b: []const u8) struct { u32, u32 } {
        o.size += b.len;
        return .{ if (b.len > 0) address(b.ptr) else 0, @intCast(b.len) };
    }

    /// text returns the place of a text in the table of strings. Texts that came up before in this
    /// call mostly get the same place.
    fn text(o: *Emitter, b: []const u8) !u32 {
        const slot = &o.seen[@intCast(std.hash.Wyhash.hash(0, b) % seen_max)];
        if (slot.call == o.call and std.mem.eql(u8, o.texts.items[slot.index], b))
            return slot.index;
        // Room for both first: the two lists and the slot tell the same, also without memory.
        try o.texts.ensureUnusedCapacity(heap, 1);
        try o.strings.ensureUnusedCapacity(heap, 1);
        slot.* = .{ .index = @intCast(o.texts.items.len), .call = o.call };
        o.texts.appendAssumeCapacity(b);
        const at, const length = o.hold(b);
        o.strings.appendAssumeCapacity(.{ .first = at, .count = length });
        return slot.index;
    }

    // ---- a call ----

    pub fn refuseCall(o: *Emitter, status: layout.CallStatus, why: []const u8) *layout.Output {
        o.head = .{
            .status = status,
            .failure = address(why.ptr),
            .failure_length = @intCast(why.len),
        };
        return &o.head;
    }

    fn cut(o: *Emitter, n: usize) void {
        o.entries.shrinkRetainingCapacity(n);
        inline for (columns) |c| {
            const rows = &@field(o, c).rows;
            rows.shrinkRetainingCapacity(@min(n, rows.items.len));
        }
    }

    /// run gives records from first on to a function, until the host wants the output.
    pub fn run(
        o: *Emitter,
        comptime f: anytype,
        frame: layout.Frame,
        first: u32,
        place: u64,
    ) *layout.Output {
        _ = o.arena.reset(.retain_capacity);
        o.frame = frame;
        o.outputs = f.about.outputs;
        o.cut(0);
        o.header_entries.clearRetainingCapacity();
        o.strings.clearRetainingCapacity();
        o.texts.clearRetainingCapacity();
        o.call +%= 1;
        o.size = 0;
        o.cursor_in = place;
        o.cursor_out = null;
        const h = frame.head();
        var i = first;
        while (i < h.count) {
            h.progress = i;
            const known = frame.core(i).kind == 0; // others are passed over
            if (known) o.one(f, i) catch return o.refuseCall(.broke, "out of memory");
            if (o.cursor_out != null) break;
            i += 1;
            o.cursor_in = 0;
            if (o.full()) break;
        }
        h.progress = layout.none;
        return o.finish(i) catch o.refuseCall(.broke, "out of memory");
    }

    /// one gives a record to a function; an error is that there is no memory for its failure.
    fn one(o: *Emitter, comptime f: anytype, i: u32) !void {
        const before = o.entries.items.len;
        const size = o.size;
        o.parent = i;
        o.draws = 0;
        o.ended = false;
        const result: anyerror!void = if (o.frame.record(i)) |r| f.call(r, o) else |e| e;
        if (result) |_| {
            if (o.cursor_out != null and o.entries.items.len == before) {
                o.cursor_out = null;
                return o.failed(before, size, error.ContinueWithoutOutput);
            }
            if (!o.ended) return;
            if (f.role != .deserializer) return o.failed(before, size, error.OnlyDeserializersEnd);
            try o.entries.append(heap, .{ .parent = i, .status = .end });
        } else |e| {
            o.cursor_out = null;
            return o.failed(before, size, e);
        }
    }

    fn failed(o: *Emitter, before: usize, size: u64, e: anyerror) !void {
        const longest = 4096; // the text ends in a header of a dead letter
        o.cut(before);
        o.size = size;
        if (e != error.Failed) {
            o.code = 0;
            o.reason = @errorName(e);
        }
        try o.entries.append(heap, .{ .parent = o.parent, .status = .failed });
        try o.errors.set(before, .{
            .text = address(o.reason.ptr),
            .length = @intCast(@min(o.reason.len, longest)),
            .code = o.code,
        });
    }

    fn finish(o: *Emitter, consumed: u32) !*layout.Output {
        const n = o.entries.items.len;
        o.head = .{
            .consumed = consumed,
            .flags = @intFromBool(o.cursor_out != null),
            .cursor = o.cursor_out orelse 0,
            .count = @intCast(n),
            .core = address(o.entries.items.ptr),
            .columns = address(&o.directory),
            .strings = if (o.strings.items.len > 0) address(o.strings.items.ptr) else 0,
            .strings_count = @intCast(o.strings.items.len),
        };
        inline for (columns, column_ids) |c, id| {
            const cells = &@field(o, c);
            if (cells.rows.items.len > 0) {
                try cells.fill(n);
                o.put(id, cells.rows.items);
            }
        }
        const list = o.header_entries.items;
        if (o.headers.rows.items.len > 0 and list.len > 0) o.put(2, list);
        return &o.head;
    }

    fn put(o: *Emitter, id: u32, rows: anytype) void {
        o.directory[o.head.columns_count] = .{
            .id = id,
            .at = address(rows.ptr),
            .stride = @sizeOf(@TypeOf(rows[0])),
            .count = @intCast(rows.len),
        };
        o.head.columns_count += 1;
    }
};

fn mix(n: u64) u64 {
    var h = (n ^ n >> 33) *% 0xff51afd7ed558ccd;
    h = (h ^ h >> 33) *% 0xc4ceb9fe1a85ec53;
    return h ^ h >> 33;
}

/// The one output of an instance: calls come one after another.
pub var emitter: Emitter = .{};
