// Package jsonlines is the format of records that are JSON: the functions "json" of job files.
//
// It checks that a value is one JSON text in UTF-8. It never reads members and never changes a
// value. Files of JSON lines are read by connectors/file and written by connectors/format/lines.
//
// Below: connectors, connectors/format, connectors/format/jsontext. Above:
// connectors/format/builtin.
package jsonlines
