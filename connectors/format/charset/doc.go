// Package charset turns text of any charset into UTF-8 and says what to do about bytes that are
// no text.
//
// It owns the names of charsets and the policies for invalid bytes. It cuts nothing into records.
//
// Below: nothing of this module. Above: connectors/file, connectors/socket,
// connectors/stdin, connectors/format/text, connectors/format/delimited.
package charset
