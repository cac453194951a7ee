// Package conformance tells the author of an SDK, or of a plugin, what is wrong with a guest.
//
// It owns the kit: a list of checks, each of which calls a function of a known name with records
// and knows the right answer. A guest offers as much of the kit as it likes; the core is what an
// SDK needs to be called one, and functions that are not there are shown as not offered. Whatever
// else a guest has is checked for what holds for every function: new instances in place of old
// ones change nothing.
//
// It never decides what a job does with a guest, and reads no file but the one it is given.
//
// Invariants:
//
//	N1  Every check runs three times: in one instance, in small frames, and with instances
//	    replaced at random frames. The answers have to be the same.
//	N2  What is random comes from a seed, which the result names.
//	N3  A guest cannot make Run fail, only fail a check.
//
// Below: abi, connectors, host/guest, host/operator. Above: cmd.
package conformance
