// Package jsontext holds the few things about JSON text that formats share: strings and validity.
// It works on bytes, without reflection and without allocating.
//
// Below: nothing of this module. Above: connectors/format/csv, connectors/format/jsonlines.
package jsontext
