// Command hostile measures what modules that turn on the host cost those beside them, and writes
// bench/hostile/RESULTS.md. It is `make bench-hostile`.
//
// It owns the bounds, and a trial for each: how long after its deadline a guest is gone, how much
// memory the process takes, how long a goroutine waits that wants nothing but to run while Go
// collects garbage, and what a second pipeline in the process has left. The modules are those of
// host/guest/guesttest/specimens.
//
// Rules of the measurement:
//
//	H1  Every module has a process of its own: what one leaves behind does not hide, or swell,
//	    what the next one takes. A process that dies or does not come back is a result.
//	H2  Beside the figures stand those of an honest guest in the same trial: what they show is the
//	    machine.
//	H3  A bound that does not hold is told on the page, and by the exit code.
//
// Above: nothing. Below: bench/measure, host/collector, host/guest, host/operator.
package main
