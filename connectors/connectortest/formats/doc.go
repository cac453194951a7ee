// Package formats makes files of every type and every compression, for other programs to read: the
// rows, their schema, and the rows as JSON beside them.
//
// It owns the schema, the values and the names of the files, and check.py, which has pyarrow,
// DuckDB and fastavro read them and compares row for row. ParquetRows.java prints what parquet-mr
// reads, which a test compares: it wants no more than Java. The values are the same in every run: a
// difference between two runs is a difference of the writers.
//
// Below: the formats. Above: tests, and cmd/formatfiles, which make check-formats runs.
package formats
