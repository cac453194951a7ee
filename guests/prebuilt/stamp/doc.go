// Stamp records in the manifests of committed modules the hashes of the modules and of their
// sources. It is run in the root of the repository, after a build:
//
//	go run ./guests/prebuilt/stamp conformance-c conformance-zig
//
// It owns nothing but its arguments: what a manifest says, and how it is checked, is in
// guests/prebuilt. It never builds a module.
package main
