// Package files is the table of the formats that a sink can write files in, by name, and of what
// may be chosen in each.
//
// It owns names, keys and their rules, and the extension by which readers know a file. It writes no
// byte: the formats do. It never names a file system.
//
// Invariants:
//
//	T1  A key that means nothing to the format is refused, not ignored.
//	T2  A file whose bytes are no lines any more, or are compressed as a whole, tells so by its
//	    extension: whoever reads it without being told must not take it for text.
//
// Below: the formats. Above: sinks that write files.
package files
