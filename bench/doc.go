// Command bench measures what wasmflow costs beside what else one could run, and writes
// bench/RESULTS.md. It is `make bench`.
//
// It owns the contenders; the arithmetic is in bench/measure. Figures are CPU time and allocations,
// medians of interleaved rounds, so that what else the machine does meets all contenders alike;
// ratios come first, because absolute figures belong to a machine.
//
// Invariants:
//
//	B1  Every figure in RESULTS.md was printed by the run that wrote the file.
//	B2  Contenders are run in turns, never one after the other's rounds are over.
//	B3  A contender whose output is wrong is an error, not a figure.
//
// Below: bench/measure, host, host/guest, connectors, checkpoint/storelog. Above: the Makefile.
package main
