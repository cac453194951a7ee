// Package fstest holds disks and file systems for tests: one in memory whose power can be cut,
// wrappers that fail any call, and a recorder whose transcript shows what is synced in which order.
//
// It works on two levels. A Disk is below connectors/filesystem/local and tests the order of
// system calls of the real implementation; NewDisk, WrapDisk and Recorder belong there. Wrap
// stands on the contract itself, so that sinks and logs meet failures of any file system.
//
// It owns the model of a power failure, which is harsher than common systems: every name and every
// byte not synced is kept or lost on its own.
//
// Invariants:
//
//	T1  The same seed gives the same crash.
//	T2  What was synced, file and every folder above it, is never lost.
//	T3  A hook sees every call, in order, before it is done.
//
// Below: connectors/filesystem, connectors/filesystem/local. Above: tests only.
package fstest
