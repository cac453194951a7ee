// Package guestwork is what benchmarks have guests do, and in how many places.
//
// It owns frames of equal records, given to a function of the guest ABI and answered in full, and
// the padding that has the same machine code lie somewhere else. It never takes the time.
//
// Invariants:
//
//	K1  An answer that breaks the ABI, or fails a record, is an error and no work.
//	K2  A padded module does what it did: nothing but places differ.
//
// Above: bench/languages, bench/meter. Below: abi, host/guest.
package guestwork
