// Package delimited cuts a stream of bytes that arrives piece by piece into records of UTF-8.
//
// It owns the buffer and the charset. It reads nothing itself: callers fill its room as bytes
// come, from a connection or a pipe, and take out what is complete. Files, whose records need
// exact byte offsets, are cut elsewhere.
//
// Invariants:
//
//	D1  Records are the same however the stream is cut into pieces, also within a character or
//	    within a delimiter.
//	D2  A record stays valid until the next Room. Nothing is moved or overwritten before that.
//	D3  The buffer never grows beyond one and a half times the longest record allowed plus one
//	    read.
//
// Below: connectors/format/charset. Above: connectors/socket, connectors/stdin.
package delimited
