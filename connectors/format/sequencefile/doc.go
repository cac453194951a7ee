// Package sequencefile writes and reads SequenceFiles, the files of keys and values of Hadoop, as
// Hadoop's own classes write and read them.
//
// It owns the bytes of version 6: header, records, blocks and sync markers; the five Writable
// classes that stand for bytes, text and numbers; and which codecs of Hadoop there are. It never
// opens a file and never decides what becomes of a record that it refuses.
//
// What a record is in each class:
//
//	null   NullWritable   nothing is written, whatever the record has; null is read
//	bytes  BytesWritable  the bytes
//	text   Text           the bytes, which must be UTF-8
//	int    IntWritable    32 bits, a decimal number as text in the record
//	long   LongWritable   64 bits, a decimal number as text in the record
//
// Invariants:
//
//	Q1  Without compression the bytes are those that Hadoop writes for the same records and the
//	    same sync marker. With compression they are once they are expanded.
//	Q2  A sync marker is random: no record can be made to hold it.
//	Q3  The reader trusts no length: it allocates as bytes come, and no record or block is larger
//	    than it was allowed to be.
//	Q4  A file that is cut between two records, or two blocks, reads as a shorter file; one that is
//	    cut anywhere else is format.ErrDamaged.
//
// Below: connectors, connectors/format, connectors/format/compress. Above: the table of formats of
// files, connectors/file.
package sequencefile
