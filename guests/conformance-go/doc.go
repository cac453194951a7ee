// Conformance-go is the guest in Go that `wasmflow conformance` is tested with. README.md says what
// each function does; host/conformance checks it.
package main
