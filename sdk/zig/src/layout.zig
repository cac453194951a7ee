//! Frames and outputs as abi/SPEC.md lays them out, in sections 7 and 8.
const std = @import("std");

pub const Role = enum { transform, deserializer, serializer, partitioner, bucketer };

pub const no_timestamp = std.math.minInt(i64);
pub const none: u32 = 0xFFFF_FFFF;
const magic: u32 = 0x31424657;

/// address is a place in the guest's memory, as the host is told it.
pub fn address(p: anytype) u32 {
    return @truncate(@intFromPtr(p));
}

pub const FrameHead = extern struct {
    magic: u32,
    header_size: u32,
    frame_size: u32,
    count: u32,
    core_offset: u32,
    core_stride: u32,
    columns_offset: u32,
    columns_count: u32,
    strings_offset: u32,
    strings_count: u32,
    arena_offset: u32,
    arena_size: u32,
    batch_time_ns: i64,
    watermark: i64,
    out_records_soft: u32,
    out_bytes_soft: u32,
    progress: u32,
    flags: u32,
    seed: u64,
    reserved: u64,
};

pub const CoreIn = extern struct {
    kind: u8,
    flags: u8,
    input: u16,
    reserved: u32,
    key_offset: u32,
    key_length: u32,
    value_offset: u32,
    value_length: u32,
    timestamp: i64,
};

pub const CoreOut = extern struct {
    kind: u8 = 0,
    status: Status = .ok,
    flags: u16 = 0,
    parent: u32,
    key: u32 = 0,
    key_length: u32 = 0,
    value: u32 = 0,
    value_length: u32 = 0,
    output: u16 = 0,
    reserved: u16 = 0,
    reserved_too: u32 = 0,
};

pub const Status = enum(u8) { ok, drop, failed, end };

/// Flags of CoreOut.
pub const same_key: u16 = 1;
pub const same_value: u16 = 2;
pub const same_headers: u16 = 4;
pub const same_timestamp: u16 = 8;
pub const null_key: u16 = 16;
pub const null_value: u16 = 32;

pub const Column = extern struct { id: u32 = 0, at: u32 = 0, stride: u32 = 0, count: u32 = 0 };
pub const Pair = extern struct { first: u32 = 0, count: u32 = 0 };
pub const HeaderEntry = extern struct { key: u32, key_length: u32, value: u32, value_length: u32 };
pub const ErrorRow = extern struct {
    text: u32 = 0,
    length: u32 = 0,
    code: u32 = 0,
    reserved: u32 = 0,
};
pub const SourceRow = extern struct {
    split: u32,
    reserved: u32,
    position_high: u64,
    position_low: u64,
    ordinal: u64,
};

pub const CallStatus = enum(u32) { ok, bad_frame, no_function, broke };

pub const Output = extern struct {
    size: u32 = @sizeOf(Output),
    status: CallStatus = .ok,
    consumed: u32 = 0,
    flags: u32 = 0,
    cursor: u64 = 0,
    count: u32 = 0,
    core: u32 = 0,
    core_stride: u32 = @sizeOf(CoreOut),
    columns: u32 = 0,
    columns_count: u32 = 0,
    strings: u32 = 0,
    strings_count: u32 = 0,
    failure: u32 = 0,
    failure_length: u32 = 0,
    reserved: u32 = 0,
};

comptime {
    std.debug.assert(@sizeOf(FrameHead) == 96 and @sizeOf(CoreIn) == 32);
    std.debug.assert(@sizeOf(CoreOut) == 32 and @sizeOf(Output) == 64);
    std.debug.assert(@sizeOf(SourceRow) == 32 and @sizeOf(ErrorRow) == 16);
}

pub const HeaderView = struct { key: []const u8, value: ?[]const u8 };

pub const Origin = struct {
    split: []const u8 = "",
    position_high: u64 = 0,
    position_low: u64 = 0,
    ordinal: u64 = 0,
};

const Id = enum(u32) { headers = 1, entries, source, key_group, schema_id, partitions };
const ids = 7; // one more than the highest, so that a column stands at its id

pub const Frame = struct {
    bytes: []align(8) u8,
    columns: [ids]Column,

    pub const Problem = error{BadFrame};

    /// load looks at all of a frame but the ranges of its records, which are looked at when they
    /// are read.
    pub fn load(bytes: []align(8) u8, first: u32) Problem!Frame {
        if (bytes.len < @sizeOf(FrameHead)) return error.BadFrame;
        var f: Frame = .{ .bytes = bytes, .columns = @splat(.{}) };
        const h = f.head();
        if (h.magic != magic or h.header_size < @sizeOf(FrameHead) or h.frame_size > bytes.len or
            h.core_stride < @sizeOf(CoreIn) or (h.core_stride | h.core_offset) % 8 != 0 or
            first > h.count) return error.BadFrame;
        f.bytes = bytes[0..h.frame_size];
        _ = try f.table(h.core_offset, h.count, h.core_stride);
        if (h.strings_offset % 4 != 0) return error.BadFrame;
        _ = try f.table(h.strings_offset, h.strings_count, @sizeOf(Pair));
        try f.loadColumns();
        return f;
    }

    fn loadColumns(f: *Frame) Problem!void {
        const most = 64;
        const sizes = [ids]u32{ 0, 8, 16, 32, 4, 4, 4 };
        const h = f.head();
        if (h.columns_count > most or h.columns_offset % 4 != 0) return error.BadFrame;
        const list = try f.table(h.columns_offset, h.columns_count, @sizeOf(Column));
        for (0..h.columns_count) |i| {
            const bytes = list[i * @sizeOf(Column) ..][0..@sizeOf(Column)];
            const c = std.mem.bytesToValue(Column, bytes);
            if (c.id < 1 or c.id >= ids) continue;
            if (c.count > 0 and (c.stride < sizes[c.id] or (c.stride | c.at) % 4 != 0))
                return error.BadFrame;
            if (c.id != @backingInt(Id.entries) and c.count != h.count) return error.BadFrame;
            _ = try f.table(c.at, c.count, c.stride);
            f.columns[c.id] = c;
        }
    }

    pub fn head(f: *const Frame) *FrameHead {
        return @ptrCast(f.bytes.ptr);
    }

    fn table(f: *const Frame, offset: u32, rows: u32, stride: u32) Problem![]const u8 {
        const size = @as(u64, rows) * stride;
        if (size == 0) return "";
        if (offset + size > f.bytes.len) return error.BadFrame;
        return f.bytes[offset..][0..@intCast(size)];
    }

    pub fn core(f: *const Frame, i: u32) *const CoreIn {
        return @ptrCast(@alignCast(f.bytes.ptr + f.head().core_offset + i * f.head().core_stride));
    }

    pub fn range(f: *const Frame, offset: u32, length: u32) Problem![]const u8 {
        return f.table(offset, length, 1);
    }

    fn row(f: *const Frame, comptime T: type, id: Id, i: u32) ?T {
        const c = f.columns[@backingInt(id)];
        if (c.id == 0 or i >= c.count) return null;
        const at = c.at + @as(usize, i) * c.stride;
        return std.mem.bytesToValue(T, f.bytes[at..][0..@sizeOf(T)]);
    }

    pub fn record(f: *const Frame, i: u32) Problem!Record {
        const c = f.core(i);
        return .{
            .frame = f,
            .index = i,
            .key = if (c.flags & 1 != 0) null else try f.range(c.key_offset, c.key_length),
            .value = if (c.flags & 2 != 0) null else try f.range(c.value_offset, c.value_length),
            .timestamp = if (c.timestamp == no_timestamp) null else c.timestamp,
        };
    }
};

pub const Record = struct {
    frame: *const Frame,
    index: u32,
    key: ?[]const u8,
    value: ?[]const u8,
    /// Milliseconds since 1970.
    timestamp: ?i64,

    fn list(r: Record) Pair {
        return r.frame.row(Pair, .headers, r.index) orelse .{};
    }

    // What follows needs the column in the function's reads.

    pub fn headerCount(r: Record) u32 {
        return r.list().count;
    }

    pub fn header(r: Record, i: u32) HeaderView {
        const e = r.frame.row(HeaderEntry, .entries, r.list().first +% i) orelse
            @panic("wasmflow: there is no such header");
        const lie = "wasmflow: a header ends beyond the frame";
        return .{
            .key = r.frame.range(e.key, e.key_length) catch @panic(lie),
            .value = if (e.value_length == none)
                null
            else
                r.frame.range(e.value, e.value_length) catch @panic(lie),
        };
    }

    /// find returns the first header of that key.
    pub fn find(r: Record, key: []const u8) ?HeaderView {
        for (0..r.headerCount()) |i| {
            const h = r.header(@intCast(i));
            if (std.mem.eql(u8, h.key, key)) return h;
        }
        return null;
    }

    pub fn origin(r: Record) Origin {
        const s = r.frame.row(SourceRow, .source, r.index) orelse return .{};
        var o: Origin = .{
            .position_high = s.position_high,
            .position_low = s.position_low,
            .ordinal = s.ordinal,
        };
        if (s.split < r.frame.head().strings_count) {
            const at = r.frame.head().strings_offset + s.split * @sizeOf(Pair);
            const p = std.mem.bytesToValue(Pair, r.frame.bytes[at..][0..@sizeOf(Pair)]);
            o.split = r.frame.range(p.first, p.count) catch
                @panic("wasmflow: the name of a split ends beyond the frame");
        }
        return o;
    }

    pub fn keyGroup(r: Record) u32 {
        return r.frame.row(u32, .key_group, r.index) orelse 0;
    }
    pub fn schemaId(r: Record) u32 {
        return r.frame.row(u32, .schema_id, r.index) orelse 0;
    }
    pub fn partitions(r: Record) u32 {
        return r.frame.row(u32, .partitions, r.index) orelse 0;
    }
};
