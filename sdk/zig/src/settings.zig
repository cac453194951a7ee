//! The configuration: JSON into a struct, and what is wrong with it by name.
const std = @import("std");

/// What open has of memory stays as long as the instance.
const heap = std.heap.wasm_allocator;

var field: []const u8 = "";
var message: []const u8 = "";

/// refuse says what is wrong with a field: return wf.refuse("rate", "must not be negative").
pub fn refuse(name: []const u8, what: []const u8) error{Refused} {
    field = name;
    message = what;
    return error.Refused;
}

/// Binding reads configurations into a T.
pub fn Binding(comptime T: type) type {
    return struct {
        pub const schema = schemaOf(T);
        const fields = @typeInfo(T).@"struct";

        /// open returns the refusal as JSON, null without one.
        pub fn open(config: *T, comptime check: anytype, text: []const u8) ?[]const u8 {
            set(config, text) catch return refusal();
            check() catch return refusal();
            return null;
        }

        fn set(config: *T, text: []const u8) error{Refused}!void {
            const copy = heap.dupe(u8, text) catch return refuse("", "out of memory");
            const doc = std.json.parseFromSliceLeaky(std.json.Value, heap, copy, .{}) catch
                return refuse("", "the configuration is no JSON");
            if (doc != .object) return refuse("", "the configuration is no JSON object");
            var members = doc.object.iterator();
            while (members.next()) |m| {
                inline for (fields.field_names, fields.field_types) |name, V| {
                    if (std.mem.eql(u8, name, m.key_ptr.*)) {
                        @field(config, name) = try read(V, name, m.value_ptr.*);
                        break;
                    }
                } else return refuse(m.key_ptr.*, "there is no such setting");
            }
        }
    };
}

fn read(comptime V: type, name: []const u8, v: std.json.Value) error{Refused}!V {
    if (V == []const u8) return if (v == .string) v.string else refuse(name, "must be a text");
    if (V == bool) return if (v == .bool) v.bool else refuse(name, "must be true or false");
    if (V == []const []const u8) {
        if (v != .array) return refuse(name, "must be a list of texts");
        const list = heap.alloc([]const u8, v.array.items.len) catch
            return refuse(name, "out of memory");
        for (list, v.array.items) |*to, item| {
            if (item != .string) return refuse(name, "must be a list of texts");
            to.* = item.string;
        }
        return list;
    }
    switch (@typeInfo(V)) {
        .int => {
            if (v != .integer) return refuse(name, "must be a whole number");
            return std.math.cast(V, v.integer) orelse refuse(name, "is out of range");
        },
        .float => return switch (v) {
            .integer => |n| @floatFromInt(n),
            .float => |n| @floatCast(n),
            else => refuse(name, "must be a number"),
        },
        else => @compileError("wasmflow: no configuration can have a " ++ @typeName(V)),
    }
}

fn refusal() []const u8 {
    const said = .{ .field = field, .message = message };
    return std.fmt.allocPrint(heap, "{f}", .{std.json.fmt(said, .{})}) catch
        "{\"field\":\"\",\"message\":\"out of memory\"}";
}

fn schemaOf(comptime T: type) []const u8 {
    comptime var text: []const u8 = "{\"type\":\"object\",\"properties\":{";
    const fields = @typeInfo(T).@"struct";
    inline for (fields.field_names, fields.field_types, 0..) |name, V, i| {
        text = text ++ (if (i > 0) "," else "") ++ "\"" ++ name ++ "\":{\"type\":\"" ++
            typeName(V) ++ "\"}";
    }
    return text ++ "},\"additionalProperties\":false}";
}

fn typeName(comptime V: type) []const u8 {
    if (V == []const u8) return "string";
    if (V == []const []const u8) return "array";
    return switch (@typeInfo(V)) {
        .bool => "boolean",
        .int => "integer",
        else => "number",
    };
}
