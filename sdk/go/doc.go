// Package wasmflow is the SDK for wasmflow guests in Go: a user writes one function per role,
// registers it, and builds a WebAssembly module with the plain Go toolchain.
//
//	package main
//
//	import "github.com/wasmflow/wasmflow/sdk/go"
//
//	func init() {
//		wasmflow.Plugin("shout", "1.0.0")
//		wasmflow.Transform("shout", shout)
//	}
//
//	func shout(ctx *wasmflow.Context, r wasmflow.Record, out *wasmflow.Emitter) error {
//		out.Value(bytes.ToUpper(r.Value()))
//		return nil
//	}
//
//	func main() {}
//
// Build it with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -o shout.wasm .
//
// The same function runs natively under go test through package sdktest.
//
// The package owns the guest's half of the ABI (abi/SPEC.md): it reads input frames in place,
// calls the functions, writes outputs, decodes the configuration and describes the plugin. It
// never keeps a record over a call, never spawns a goroutine and depends on the standard library
// only, so that its source can be copied into a project as it stands.
//
// Invariants:
//
//	S1  Nothing is allocated per record, unless a record fails.
//	S2  A record that fails leaves no output: what its function emitted is taken back.
//	S3  A panic in a function is the failure of one record, not of the guest.
//	S4  The progress cell names the record before any of its code runs.
//	S5  A call ends at a record boundary, or inside a record that asked to be continued.
//	S6  What a function reads of a frame refers to the frame and is valid until it returns; what
//	    it hands to the Emitter is copied, unless it refers to the frame or to Emitter.Buffer.
//
// Package json beside it reads and writes JSON fast; encoding/json costs microseconds a record in
// a guest. Package sdktest is the host for tests.
package wasmflow
