// Package socket reads delimited records from a TCP server and writes them to one.
//
// It owns connecting, and connecting again, with back-off and TLS. It never listens.
//
// Invariants:
//
//	K1  The source has one split and so one connection. Poll never waits longer than the linger,
//	    neither for bytes nor for a connection.
//	K2  What stands behind the last delimiter of a connection is joined with the first bytes of
//	    the next one. At the end of the input it is a record.
//	K3  All writers of a sink share one connection. A writer holds it for one batch, so the
//	    records of two tasks never mix.
//	K4  After a connection broke, each writer sends again what it sent since its last Flush, from
//	    the beginning of a record, before anything new. What was kept for that is bounded.
//	K5  Every start of a reader begins a new run, so a record's place names it for ever although
//	    a connection cannot be read again.
//
// Below: connectors, connectors/filesystem, connectors/position, connectors/format/delimited.
// Above: the command's table of connectors.
package socket
