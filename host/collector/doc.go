// Package collector says when Go's garbage collector runs in a process of jobs.
//
// It owns the percentage by which the heap grows between two collections, which it follows up after
// each of them. It never limits memory, and leaves everything alone where the environment sets GOGC.
//
// Invariants:
//
//	C1  A heap smaller than the floor is not collected: what little lives costs every pipeline of
//	    the process a pause all the same.
//	C2  Above it the heap grows by the same share, whatever lives: the floor costs a large job
//	    nothing.
//
// Above: cmd/wasmflow, bench. Below: nothing of this repository.
package collector
