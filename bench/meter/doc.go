// Command meter measures what metering costs guests: modules of several compilers are run as they
// stand, rewritten, and with the engine's own way to end a call.
//
// It owns the modules' sources (src), the modules themselves (modules, made by the Makefile and
// committed, so that a run needs no compiler but Go's), the workloads and the page it writes
// (RESULTS.md).
//
// Rules of the measurement:
//
//	R1  CPU time of the process, the collector off while it is taken.
//	R2  Contenders take turns within a round; a figure is the median of the rounds' ratios.
//	R3  The same machine code is up to half as fast again in another place, so each figure is the
//	    median over several layouts, made by padding the module's first function on all sides.
//	R4  Contenders have to return the same and leave the same memory behind, or there is no figure.
//	R5  The bounds are those of programs. Code that is nothing but what checks are dearest for is
//	    shown beside them, on its own.
//
// Above: nothing. Below: host/guest.
package main
