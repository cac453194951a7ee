// Package lines writes records as text, each followed by a delimiter: the value itself, the value
// as JSON on one line, or a row of CSV.
//
// It owns what a record looks like in a file of text. It never opens a file and never decides what
// becomes of a record it refuses.
//
// Invariants:
//
//	N1  A record is appended whole or not at all.
//	N2  JSON and CSV rows are one line each as long as the delimiter is a line break: a line break
//	    inside is left out where it means nothing and quoted where it does.
//	N3  Nothing is replaced without a word: a character that the charset lacks and a null that the
//	    format lacks are errors of the record.
//
// Below: connectors, connectors/format/charset, connectors/format/jsontext. Above:
// connectors/bucketing, connectors/file.
package lines
