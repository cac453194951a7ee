// Package ratelimit spreads events evenly over time: records per second, bytes per second.
//
// It owns arithmetic only. It never sleeps, starts no goroutine and reads no clock: callers say
// what time it is and are told how long to wait, so a task can obey commands meanwhile.
//
// Invariants:
//
//	R1  Event k is due at base + k/rate, computed from k each time; rounding never adds up, so a
//	    caller that comes back in time sees the exact rate however long it runs.
//	R2  What was not used is saved up for at most catchUpMax, then lost.
//	R3  A wait is never longer than until the next event is due, and ends no earlier.
//
// Below: nothing of this module. Above: connectors/generator, host.
package ratelimit
