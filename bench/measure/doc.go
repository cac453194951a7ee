// Package measure is what the benchmarks have in common: the CPU time and memory of processes, the
// machine they ran on, and the middle of some figures.
//
// It never decides what is measured, and it knows no contender.
//
// Invariants:
//
//	N1  CPU time is user and system time as the kernel counted it, of all threads.
//
// Above: bench, bench/hostile, bench/kafka, bench/languages, bench/meter.
package measure
