// Snapshot runs a module's _initialize once and for all:
//
//	go run ./host/guest/snapshot raw.wasm module.wasm
//
// The module it writes begins with what memory held behind _initialize, and has no such export any
// more. An interpreter that takes a tenth of a second to import its library starts in a few
// milliseconds then.
//
// It owns the writing of such a module. It never sees a script or a job: the engine of a language
// is built with it, and committed (guests/prebuilt). What _initialize asks of its host is answered
// the same in every run (the clock stands still, random bytes are always the same ones), so the
// same module makes the same module.
//
// Invariants:
//
//	N1  Memory is all that _initialize changed: mutable globals are as they were, and a module that
//	    could have grown a table or has parts of memory to come later is refused.
//	N2  What lies below the stack pointer is nobody's, and is not kept.
//
// Below: host/guest/wasm, and the engine that runs modules. Above: the Makefiles of engines.
package main
