// Package sinkjob drives a sink that prepares and commits as an engine would: claims, epochs,
// commits and restarts, on a disk in memory. The tests of such sinks wrap it.
//
// It owns the order of calls that the contracts of connectors and checkpoint promise. It judges
// nothing: what has to be true after a call is for the tests to say.
//
// Below: connectors, checkpoint, connectors/filesystem/fstest, connectors/filesystem/local. Above:
// the tests of connectors/bucketing and connectors/file.
package sinkjob
