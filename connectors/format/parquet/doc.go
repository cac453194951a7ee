// Package parquet writes and reads Parquet files: columns of typed values in groups of rows, for
// readers that want some columns of many rows.
//
// It owns what a type of an Avro schema or a JSON Schema becomes in Parquet, how a record is taken
// apart into columns, and when a row group ends. The bytes of a file are the library's. It never
// opens a file and never decides what becomes of a record that it refuses. Records arrive as JSON,
// exactly as package avro takes them: it checks them and brings them into Avro's binary form, from
// which the columns are filled.
//
// What a type becomes:
//
//	boolean, int, long, float, double   BOOLEAN, INT32, INT64, FLOAT, DOUBLE
//	string, enum, bytes, fixed          STRING, ENUM, BYTE_ARRAY, FIXED_LEN_BYTE_ARRAY
//	date, time-*, timestamp-*           DATE, TIME (of no zone), TIMESTAMP in UTC
//	local-timestamp-*                   TIMESTAMP of no zone
//	decimal                             DECIMAL: INT32 to 9 digits, INT64 to 18, then fixed
//	uuid (fixed), duration              UUID, INTERVAL
//	array, map, record                  LIST, MAP, a group
//	union of null and one other         that type, OPTIONAL
//
// Anything else has no form in Parquet and is refused by name before a job begins.
//
// Invariants:
//
//	P1  A record is a row, whole or not at all: it is encoded and checked before any column has a
//	    value of it.
//	P2  Memory is bounded: a row group ends at row_group_size, and all open files of an opener
//	    together hold no more than groupsHeld row groups, plus groupBytesMin for each file. Every
//	    joining counts as an open file, and holds beside that one row group of the file that is
//	    read, as it is in the file, with a page and the dictionary of each of its columns.
//	P3  No statistic excludes a value that is there: columns whose order the library does not know
//	    have bounds that exclude nothing, and those of bytes are cut where they can be.
//	P4  A file is whole only once it is closed: the index stands at its end. Joined files are read
//	    by their indexes and written as rows, so that there is one index and row groups are large;
//	    whatever no writer of the same kind would have made is refused (W6).
//
// A file of any writer is read, row by row, as the JSON that package avro makes of the same values:
// what no Avro has is a number when it is unsigned, a list of keys and values when it is a map whose
// keys are no text, a timestamp when it has 96 bits, and otherwise bytes.
//
//	P5  What a file claims is checked against its bytes before memory is taken for it, and a fault
//	    of the library on such bytes is an error of the file.
//
// Below: connectors, connectors/format, connectors/format/avro and registry. Above: the table of
// formats of files.
package parquet
