// Package json reads and writes JSON fast inside a WebAssembly guest, where encoding/json costs
// microseconds for a small object.
//
// It owns a Parser, which keeps its memory from document to document and hands out values that
// refer to the document's bytes, and a Writer, which appends to a buffer of the caller. It never
// binds documents to Go types and never reflects.
//
// Invariants:
//
//	J1  Parse accepts exactly what encoding/json.Valid accepts.
//	J2  After a few documents, neither parsing nor reading nor writing allocates.
//	J3  A Value is valid until the next Parse of its Parser and as long as the document's bytes
//	    stay as they are.
//	J4  What a Writer wrote in a legal order of calls is valid JSON, whatever the strings held.
package json
