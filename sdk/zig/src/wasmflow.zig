//! wasmflow plugins in Zig.
//!
//!     const wf = @import("wasmflow");
//!     pub const panic = wf.panic;
//!
//!     fn shout(r: wf.Record, out: *wf.Emitter) !void {
//!         _ = try out.value(try out.print("{s}!", .{r.value orelse ""}));
//!     }
//!
//!     comptime {
//!         wf.plugin(.{ .name = "shout", .version = "1.0.0", .functions = &.{
//!             wf.transform("shout", shout, .{ .doc = "adds an exclamation mark" }),
//!         } });
//!     }
//!
//! A record that a function emits nothing for is dropped. An error fails the record with its name,
//! and what it emitted is taken back. What Record and Emitter hand out is valid until the call of
//! the host ends; bytes that are emitted are not copied, so they are in the record, from the
//! emitter's memory, or constant. Nothing is allocated per record: the next call uses the memory of
//! the last one.
const std = @import("std");
const builtin = @import("builtin");
const layout = @import("layout.zig");
const output = @import("output.zig");
const settings = @import("settings.zig");

pub const Emitter = output.Emitter;
pub const Entry = output.Entry;
pub const refuse = settings.refuse;

/// Header of a record; a value may be null.
pub const Header = layout.HeaderView;
pub const Origin = layout.Origin;

/// Record of the frame; nothing is copied. Null is not the same as empty.
pub const Record = layout.Record;

pub const Level = enum(u32) { debug, info, warn, err };

const host = struct {
    extern "wasmflow" fn log(level: u32, text: [*]const u8, length: u32) void;
    extern "wasmflow" fn metric(kind: u32, name: [*]const u8, length: u32, value: f64) void;
    extern "wasi_snapshot_preview1" fn fd_write(u32, [*]const [2]u32, u32, *u32) u32;
};

/// Whether this is a guest: natively nothing is logged or counted.
const in_guest = builtin.cpu.arch.isWasm();

/// Logs and metrics take effect if the record ends well.
pub fn log(level: Level, text: []const u8) void {
    if (in_guest) host.log(@backingInt(level), text.ptr, @intCast(text.len));
}

fn metric(kind: u32, name: []const u8, v: f64) void {
    if (in_guest) host.metric(kind, name.ptr, @intCast(name.len), v);
}

pub fn count(name: []const u8, delta: f64) void {
    metric(0, name, delta);
}
pub fn gauge(name: []const u8, v: f64) void {
    metric(1, name, v);
}
pub fn observe(name: []const u8, v: f64) void {
    metric(2, name, v);
}

/// For the plugin's root file, so that the user is told what a panic says.
pub const panic = std.debug.FullPanic(tellAndTrap);

fn tellAndTrap(text: []const u8, _: ?usize) noreturn {
    if (in_guest) {
        const standard_error = 2;
        const end = "\n";
        const lines = [_][2]u32{
            .{ layout.address(text.ptr), @intCast(text.len) },
            .{ layout.address(end), end.len },
        };
        var written: u32 = 0;
        _ = host.fd_write(standard_error, &lines, lines.len, &written);
    }
    @trap();
}

/// Columns that a function reads.
pub const Column = enum { headers, source, key_group, schema_id };

pub const About = struct {
    doc: []const u8 = "",
    reads: []const Column = &.{},
    /// Names beside the main output; Entry.output takes them.
    outputs: []const []const u8 = &.{},
};

pub const Function = struct {
    name: []const u8,
    role: layout.Role,
    about: About,
    call: *const fn (Record, *Emitter) anyerror!void,
};

fn plain(
    comptime role: layout.Role,
    comptime name: []const u8,
    comptime f: anytype,
    comptime about: About,
) Function {
    const Call = struct {
        fn call(r: Record, out: *Emitter) anyerror!void {
            return f(r, out);
        }
    };
    return .{ .name = name, .role = role, .about = about, .call = Call.call };
}

/// f is fn (Record, *Emitter) !void.
pub fn transform(comptime name: []const u8, comptime f: anytype, comptime about: About) Function {
    return plain(.transform, name, f, about);
}
pub fn deserializer(
    comptime name: []const u8,
    comptime f: anytype,
    comptime about: About,
) Function {
    return plain(.deserializer, name, f, about);
}
pub fn serializer(comptime name: []const u8, comptime f: anytype, comptime about: About) Function {
    return plain(.serializer, name, f, about);
}

/// f is fn (Record, *Emitter, u32) !?u32: the partition of so many, null to leave it to the sink.
pub fn partitioner(comptime name: []const u8, comptime f: anytype, comptime about: About) Function {
    const Call = struct {
        fn call(r: Record, out: *Emitter) anyerror!void {
            try out.choosePartition(try f(r, out, r.partitions()));
        }
    };
    return .{ .name = name, .role = .partitioner, .about = about, .call = Call.call };
}

/// f is fn (Record, *Emitter) ![]const u8: the bucket's name.
pub fn bucketer(comptime name: []const u8, comptime f: anytype, comptime about: About) Function {
    const Call = struct {
        fn call(r: Record, out: *Emitter) anyerror!void {
            try out.chooseBucket(try f(r, out));
        }
    };
    return .{ .name = name, .role = .bucketer, .about = about, .call = Call.call };
}

pub const Plugin = struct {
    name: []const u8,
    version: []const u8,
    functions: []const Function,
};

/// plugin exports a plugin without a configuration.
pub fn plugin(comptime p: Plugin) void {
    const Empty = struct {
        var config: struct {} = .{};

        fn check() error{Refused}!void {}
    };
    configured(p, &Empty.config, Empty.check);
}

/// configured exports a plugin with a configuration: config points to a struct variable with its
/// defaults, whose fields are []const u8, integers, floats, bool or []const []const u8. Other types
/// and other names are refused by name. check is fn () error{Refused}!void and looks at the values:
/// return wf.refuse("rate", "must not be negative").
pub fn configured(comptime p: Plugin, comptime config: anytype, comptime check: anytype) void {
    exportAll(p, settings.Binding(@typeInfo(@TypeOf(config)).pointer.child), config, check);
}

var region: []align(8) u8 = &.{};
var region_size: usize = 0;
var refused = false;

fn reserve(n: u32) callconv(.c) u32 {
    const slack = 16;
    const need = @max(n, 1);
    if (need > region.len) {
        // Frames grow with the batch: a few times, not often.
        const ample = @as(usize, need) + need / 4 + slack;
        const larger = std.heap.wasm_allocator.alignedAlloc(u8, .@"8", ample) catch return 0;
        if (region.len > 0) std.heap.wasm_allocator.free(region);
        region = larger;
    }
    region_size = n;
    return layout.address(region.ptr);
}

fn exportAll(
    comptime p: Plugin,
    comptime B: type,
    comptime config: anytype,
    comptime check: anytype,
) void {
    const Exports = struct {
        fn abi() callconv(.c) u32 {
            return 0;
        }

        fn describe() callconv(.c) u64 {
            return pair(comptime description(p, B));
        }

        fn open(text: [*]const u8, length: u32) callconv(.c) u64 {
            const refusal = B.open(config, check, text[0..length]) orelse return 0;
            refused = true;
            return pair(refusal);
        }

        fn process(function: u32, first: u32, cursor: u64) callconv(.c) *layout.Output {
            const e = &output.emitter;
            if (refused) return e.refuseCall(.broke, "the configuration was refused");
            if (function >= p.functions.len) return e.refuseCall(.no_function, "no such function");
            const frame = layout.Frame.load(region[0..region_size], first) catch
                return e.refuseCall(.bad_frame, "the frame could not be read");
            inline for (p.functions, 0..) |f, i| {
                if (i == function) return e.run(f, frame, first, cursor);
            }
            unreachable;
        }
    };
    @export(&Exports.abi, .{ .name = "wasmflow_abi_v1" });
    @export(&Exports.describe, .{ .name = "wasmflow_describe" });
    @export(&Exports.open, .{ .name = "wasmflow_open" });
    @export(&Exports.process, .{ .name = "wasmflow_process" });
    @export(&reserve, .{ .name = "wasmflow_reserve" });
}

fn pair(text: []const u8) u64 {
    return @as(u64, layout.address(text.ptr)) << 32 | text.len;
}

/// description is the answer of describe, made by the compiler.
fn description(comptime p: Plugin, comptime B: type) []const u8 {
    @setEvalBranchQuota(1_000_000);
    comptime var text: []const u8 = "{\"name\":" ++ quoted(p.name) ++ ",\"version\":" ++
        quoted(p.version) ++ ",\"functions\":[";
    inline for (p.functions, 0..) |f, i| {
        text = text ++ (if (i > 0) "," else "") ++ "{\"name\":" ++ quoted(f.name) ++ ",\"role\":" ++
            quoted(@tagName(f.role)) ++ ",\"doc\":" ++ quoted(f.about.doc);
        if (f.about.reads.len > 0) {
            text = text ++ ",\"columns\":[";
            inline for (f.about.reads, 0..) |c, k|
                text = text ++ (if (k > 0) "," else "") ++ quoted(@tagName(c));
            text = text ++ "]";
        }
        if (f.about.outputs.len > 0) {
            text = text ++ ",\"outputs\":[";
            inline for (f.about.outputs, 0..) |o, k|
                text = text ++ (if (k > 0) "," else "") ++ quoted(o);
            text = text ++ "]";
        }
        text = text ++ "}";
    }
    return text ++ "],\"config_schema\":" ++ B.schema ++ "}";
}

/// quoted is a text as JSON has it; control characters have no place in a description.
fn quoted(comptime text: []const u8) []const u8 {
    comptime var out: []const u8 = "\"";
    inline for (text) |c| {
        if (c == '"' or c == '\\') out = out ++ "\\";
        out = out ++ [_]u8{c};
    }
    return out ++ "\"";
}
