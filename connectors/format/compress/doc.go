// Package compress makes blocks of bytes smaller and larger again, in the forms that file formats
// ask for, and lays whole streams of text into such blocks.
//
// It owns the forms, which are those of Hadoop where that has its own, and the pools of what a
// compressor needs to work. It knows no format of records and no name of a file.
//
// Invariants:
//
//	Z1  A compressor is held only while a block is compressed. A thousand open files cost a
//	    thousand buffers, not a thousand compressors.
//	Z2  Expand trusts nothing: it makes no more bytes than it was allowed to, and allocates no more
//	    than it makes.
//	Z3  A stream is blocks one after the other, each of which any program reads as a stream of its
//	    own: what was flushed is whole.
//
// Below: connectors/format. Above: the formats of files.
package compress
