//go:build !wasip1

// Package sdktest runs the functions of a plugin under go test, without WebAssembly and through
// the same code that reads frames and writes outputs in a guest.
//
//	func TestShout(t *testing.T) {
//		g := sdktest.Open(t, "")
//		out := g.Run("shout", sdktest.Value("hello"))
//		if got := string(out[0].Value); got != "HELLO" {
//			t.Errorf("shout = %q", got)
//		}
//	}
//
// It owns the host's half of the ABI as far as a test needs it. It never checks what a real host
// checks of an output: `wasmflow conformance` does, on the built module.
//
// A test program has one plugin, that of its init functions, so tests that use it must not run in
// parallel.
package sdktest
