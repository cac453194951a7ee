// Package format is the contract between a sink that writes files and the format of their records.
//
// A file is a header, records or blocks of them with marks between, and in some formats a footer.
// All but the footer goes through Append: the header comes with the first bytes, and a flush ends a
// block. The footer comes with Close.
//
// It owns the contract and the buffer that writers share. It knows no format by name: each is a
// sub-folder. Functions that job files name (deserializers, serializers) live in the same
// sub-folders; connectors/format/builtin holds the table of them, connectors/format/registry asks
// the schema registry for those that have schemas, and Each is their common loop.
//
// Invariants every Writer keeps, checked by connectortest.RunFormatWriter:
//
//	W1  The bytes of a stream depend on its records alone, not on when it was flushed, unless the
//	    format marks blocks; then flushes end blocks and change nothing that a reader sees.
//	W2  A refused record leaves no byte behind, and the stream goes on.
//	W3  The first error of the stream stays: nothing is written after it.
//	W4  Nothing of a record is kept after Append returned (C2).
//	W5  A stream that is cut where it was flushed is whole, so that a file can be taken back to it
//	    and gone on with. Formats whose index stands at the end are the exception: Close writes it.
//
// And every Joiner:
//
//	W6  A joined file reads as the rows of its files, in their order. What is no whole file of the
//	    kind is an error, not fewer rows. A file that was cut where it is whole (W5) cannot be told
//	    from one that was not, and lines have no marks at all: whoever joins compares lengths.
//
// Below: connectors. Above: the formats of files, and sinks that write them.
package format
