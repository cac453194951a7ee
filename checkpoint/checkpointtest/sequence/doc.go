// Package sequence judges the output of a job by the numbers of its records: none lost, none
// doubled, none out of order within its split.
//
// The simulation of the protocol and the chaos test of real processes use the same judge, so the
// bugs that are put into the simulation on purpose, and must be found, vouch for both.
//
// It owns the judgement. It never reads a file or a topic: the caller does.
//
// Below: nothing of this module. Above: checkpointtest/simulation, cmd/chaos.
package sequence
