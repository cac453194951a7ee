//! Workloads of the metering benchmark, in Zig, behind the export "bench".
const std = @import("std");

const description =
    \\{"name":"bench-zig","version":"1.0.0","functions":[{"name":"none","role":"transform"}]}
;
var region: [1 << 16]u8 align(8) = undefined;

export fn wasmflow_abi_v1() u32 {
    return 0;
}
export fn wasmflow_describe() u64 {
    return @as(u64, @intFromPtr(description.ptr)) << 32 | description.len;
}
export fn wasmflow_open(_: u32, _: u32) u64 {
    return 0;
}
export fn wasmflow_reserve(n: u32) u32 {
    return if (n > region.len) 0 else @intFromPtr(&region);
}
export fn wasmflow_process(_: u32, _: u32, _: u64) u32 {
    return 0;
}

const document =
    \\{"id":123,"country":"de","amount":12.5,"tags":["a","b"],"nested":{"x":[1,2,3,{"y":null}]}}
;
var heap: [1 << 20]u8 = undefined;
var buffer: [1 << 16]u8 = undefined;

fn upper(n: u32) u64 {
    var sum: u64 = 0;
    for (0..n) |round| {
        for (0..buffer.len) |i| buffer[i] = @truncate(i *% 31 +% round);
        for (&buffer) |*c| c.* = std.ascii.toUpper(c.*);
        sum +%= buffer[round % buffer.len];
    }
    return sum;
}

fn json(n: u32) u64 {
    var sum: u64 = 0;
    for (0..n * 100) |_| {
        var memory = std.heap.FixedBufferAllocator.init(&heap);
        const parsed = std.json.parseFromSliceLeaky(std.json.Value, memory.allocator(), document, .{}) catch
            return 0;
        sum +%= @intCast(parsed.object.get("id").?.integer);
    }
    return sum;
}

fn sort(n: u32) u64 {
    var list: [4096]u32 = undefined;
    var sum: u64 = 0;
    for (0..n) |round| {
        var x: u32 = @truncate(round + 1);
        for (&list) |*v| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            v.* = x;
        }
        std.mem.sort(u32, &list, {}, std.sort.asc(u32));
        sum +%= list[round % list.len];
    }
    return sum;
}

fn hash(n: u32) u64 {
    var out: [32]u8 = undefined;
    for (0..n) |_| {
        std.crypto.hash.sha2.Sha256.hash(&buffer, &out, .{});
        buffer[0] +%= out[0];
    }
    return std.mem.readInt(u64, out[0..8], .little);
}

export fn bench(kind: u32, n: u32) u64 {
    return switch (kind) {
        0 => upper(n),
        1 => json(n),
        2 => sort(n),
        else => hash(n),
    };
}
