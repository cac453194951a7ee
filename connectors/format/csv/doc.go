// Package csv is the format of records that are rows of delimited fields: the functions "csv" of
// job files, which turn rows into JSON and back. Files of rows are written by
// connectors/format/lines.
//
// It owns the dialect (delimiters, quoting, escapes, the null literal), the types of columns and
// what they look like in JSON. Without columns a row is a JSON array of strings. The options carry
// the names and defaults of Flink's CSV row schemas; docs/flink-formats.md lists its tests.
//
// Invariants:
//
//	V1  What the serializer writes, the deserializer reads back to the same JSON, for texts of
//	    any content, as long as quotes are on.
//	V2  A field that does not fit its type is a fault of its record or, with ignore_parse_errors,
//	    null. It is never another value.
//	V3  Nothing allocates per record once the buffers have grown.
//
// Below: abi, connectors, connectors/format, connectors/format/jsontext. Above:
// connectors/format/builtin.
package csv
