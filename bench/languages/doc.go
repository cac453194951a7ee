// Command languages measures what a plugin costs in each language, and writes the tables of
// docs/languages.md.
//
// It owns the contenders: the guests of guests/conformance-* and guests/examples-*, as they are
// committed or, where their language needs no tools but wasmflow's and Go's, as they are built now.
// It never judges a language: the bounds are those that its SDK has to keep.
//
// Rules of the measurement:
//
//	L1  Modules are metered, called through host/guest, and their answers checked, as in a job.
//	L2  CPU time of the process, the collector off while it is taken.
//	L3  Contenders take turns within a round; a figure is the median of the rounds' ratios to C.
//	L4  The same machine code is up to half as fast again in another place, so each figure is the
//	    median over several layouts (bench/guestwork).
//	L5  Contenders have to give the same answers, or there is no figure.
//	L6  Every language with a guest in the repository has a row; a test holds the page to have those
//	    that have a bound.
//
// Above: nothing. Below: bench/guestwork, guests/prebuilt, host/guest, host/script.
package main
