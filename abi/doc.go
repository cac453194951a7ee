// Package abi is the contract between the host and a guest: the words both sides use and the bytes
// they exchange. SPEC.md beside this file states it normatively; the package is its Go form.
//
// It owns the names of exports and imports, the roles of functions, the codes of kinds, statuses
// and columns, the layout of the input frame and of the output, the description a guest gives of
// itself, and the derivation of ordinals. It never touches WebAssembly, never starts a goroutine,
// never reads a clock and holds no policy: what a record that failed becomes is decided above.
//
// Invariants:
//
//	I1  Nothing a guest wrote is used before it was checked. A decoder that returned nil has seen
//	    every range, count and index it will hand out.
//	I2  Sums and products of guest numbers are made in 64 bits, so that none can wrap.
//	I3  Encoding and decoding allocate nothing per record; an error may allocate.
//	I4  A result refers to the bytes it was decoded from and is valid as long as they are: for guest
//	    memory, until the next call into that guest.
//	I5  The layout constants of sdk/go and of the C harness equal those of layout.go; tests hold
//	    them together, because SDKs may not import this package.
//
// Below it stands nothing but the standard library. Above it: host/guest carries frames across the
// boundary, host/operator fills them from batches and reads the answers.
package abi
