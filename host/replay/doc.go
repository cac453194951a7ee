// Package replay runs captured batches again and says whether the same comes of them.
//
// It owns the comparison. What a call depends on is in the capture (host/guest/capture) or in the
// module; both are input that nobody vouched for, and are held to the same limits as a job's. It
// knows no jobs, writes nothing, and judges only what can be the same: a fresh instance, the same
// frame, the same clock and randomness give the same calls, fuel, trace and answer.
//
// Invariants:
//
//	R1  A module of another digest, or checks of another rewriter, may spend other fuel and have
//	    another trace: these are then shown and not compared.
//	R2  Fuel, trace and record at hand of a call that the clock ended are never compared: they
//	    depend on the machine.
//	R3  What an instance had seen before the frame is not in the capture. Where that could be the
//	    reason of a difference, the result says so.
//
// Above: cmd. Below: host/guest, host/guest/capture, abi.
package replay
