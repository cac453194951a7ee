// Package hostile holds modules that turn on the host, for tests: each may cost a job its record,
// or the job itself, and never the host its process.
//
// It owns the fixtures and says what has to become of each (Fate). It never runs them. The modules
// are committed beside what makes them, so that tests need no toolchain: src and Makefile for those
// in C, the builders in this package's tests for those that no compiler would emit.
//
// Invariants:
//
//	H1  The table says of every module, and of every function in it, what it does and its fate.
//	H2  A fixture works the same way each time; it needs no configuration but the table's.
//
// Beside the table there is a corpus of some hundred modules that are generated, in
// host/guest/guesttest/specimens; this package's tests run it, too.
//
// Below: nothing. Above: tests of host/guest, host/operator and whatever meters guests.
package hostile
