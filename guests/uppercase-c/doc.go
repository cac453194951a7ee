// Package uppercasec holds a guest in C: the transform "uppercase", which upper-cases the ASCII
// letters of each value. It is small and fast, so that a benchmark with it measures the host.
//
// It owns the source (src), a header for guests in C that want no library (src/wasmflow.h) and the
// module built from them, which is committed so that nobody needs a C compiler. It never builds the
// module; the Makefile does.
//
// Invariants:
//
//	U1  The committed module is what the Makefile makes of the committed source.
//	U2  Besides the exports of the ABI the module has bench_loop, and it imports nothing.
//
// Below: nothing. Above: tests and benchmarks.
package uppercasec
