// Package guests holds plugins: one folder each, built for WebAssembly and tested natively.
//
//	uppercase           upper-cases values; the guest that benchmarks run
//	access-log          web server logs in the combined format to JSON
//	json-route          sends JSON records to outputs and topics by a field
//	csv-parse           CSV to JSON, any number of rows a message
//	partition-by-field  chooses partitions by a JSON field
//	bucket-by-field     chooses buckets by JSON fields and the record's time
//	conformance-go      what `wasmflow conformance` asks of an SDK, in Go
//	uppercase-c         uppercase in C, without a libc
//	conformance-c       the same in C; -cpp, -zig in C++ and Zig
//	conformance-wat     the core of it by hand, in WebAssembly text, without any SDK
//	examples            what examples-LANGUAGE have to do, and the test that they do
//	examples-go         access logs to JSON, orders to topics, addresses hidden; -c in C
//	prebuilt            modules of many languages, committed, with what they were made of
//	hostile             modules that break the contract in one way each
//
// The package itself owns the tests that run the built modules in the real sandbox. The name of a
// guest's function is the folder's, with '-' as '_'.
package guests
