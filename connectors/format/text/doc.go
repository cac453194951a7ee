// Package text is the format of records that are text: the functions "bytes" and "string" of job
// files.
//
// It owns what a text is in a charset. A text that the charset cannot hold is refused, never
// changed without a word.
//
// Below: connectors, connectors/format, connectors/format/charset. Above:
// connectors/format/builtin.
package text
