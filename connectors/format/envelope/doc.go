// Package envelope writes a whole record as one JSON object: value, key, timestamp and headers. It
// is what the dead letters of sinks without headers are written in.
//
// It owns that shape. It never reads it back and never changes a record.
//
// Invariants:
//
//	V1  The result is one line of valid JSON in UTF-8, whatever bytes the record holds.
//	V2  Bytes that are no UTF-8 stand in Base64 under the name with the suffix _base64, so that
//	    nothing of a record is lost.
//	V3  A null key or value is JSON's null.
//
// Below: connectors, connectors/format/jsontext. Above: the command's table of serializers.
package envelope
