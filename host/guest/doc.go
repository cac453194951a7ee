// Package guest loads plugins and runs them in a sandbox. It is the only importer of the
// WebAssembly engine (wazero).
//
// It owns the load pipeline (size, pin, pre-pass, rewriting, compilation and its cache, first
// instance, description), the imports a guest may have, the guest's clock, randomness and log, the
// limits of an instance, and what a trap means. It moves frames as bytes: it neither fills them
// nor reads answers (host/operator does), and decides nothing about a record that failed.
//
// Invariants:
//
//	G1  The engine sees a module's bytes only after host/guest/wasm has read all of them.
//	G2  A guest reaches nothing but its memory and the host functions of this package: no files,
//	    no environment, no sockets, no real clock, no real randomness.
//	G3  Host functions are registered by stack, never by reflection (40 times slower).
//	G4  The host keeps no view of guest memory over a call into the guest: memory may move. It
//	    keeps none over Close: what was there is no memory any more.
//	G5  An instance that trapped, or whose call ended in any other error, is never entered again.
//	G6  Logs and metrics of a call are applied only by Settle, after the call has returned, and
//	    only for records that ended well.
//	G7  A call that succeeds allocates nothing on the Go heap.
//	G8  Every call into a guest has an end: its fuel, its stack and its time are bounded, and what
//	    a limit ends says which setting it was.
//	G9  Where a compiler of its own is configured, no module is compiled in this process that was
//	    not compiled there first, within limits of the operating system.
//
// Above: host/operator, host/conformance, host, cmd. Below: abi, host/guest/meter, host/guest/wasm.
package guest
