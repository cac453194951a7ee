//! Offers the module "wasmflow", and to build a plugin with it:
//!
//!     const wasmflow = @import("wasmflow");
//!     pub fn build(b: *std.Build) void {
//!         wasmflow.addPlugin(b, b.dependency("wasmflow", .{}), "prices", b.path("plugin.zig"));
//!     }
const std = @import("std");

/// What an overflow may reach; the stack lies first, so that one traps.
const stack_size = 128 << 10;

pub fn build(b: *std.Build) void {
    _ = b.addModule("wasmflow", .{ .root_source_file = b.path("src/wasmflow.zig") });
}

/// Builds and installs bin/NAME.wasm of the root file of a plugin.
pub fn addPlugin(
    b: *std.Build,
    sdk: *std.Build.Dependency,
    name: []const u8,
    root: std.Build.LazyPath,
) void {
    const plugin = b.addExecutable(.{
        .name = name,
        .root_module = b.createModule(.{
            .root_source_file = root,
            .target = b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .freestanding }),
            .optimize = .ReleaseSafe,
            .strip = true,
            .imports = &.{.{ .name = "wasmflow", .module = sdk.module("wasmflow") }},
        }),
    });
    plugin.entry = .disabled;
    plugin.rdynamic = true;
    plugin.stack_size = stack_size;
    b.installArtifact(plugin);
}
