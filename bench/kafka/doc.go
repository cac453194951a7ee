// Command kafka measures exactly-once copying between Kafka topics: wasmflow beside bare franz-go
// loops, over one warm broker in one run, and writes bench/KAFKA.md. It is `make bench-kafka`.
//
// It owns the contenders, the bare loops among them. Every contender is a process of its own, so
// that CPU time and memory are what the kernel counted for it; the broker's are in none of them.
//
// Invariants:
//
//	B1  Every figure in KAFKA.md was printed by the run that wrote the file.
//	B2  Contenders are run in turns; ratios are taken within a round, and their median is reported.
//	B3  A contender whose output is not complete, or not in capitals where it should be, is an
//	    error, not a figure.
//
// Below: bench/measure; connectors/connectortest/servers for the broker. Beside: the
// wasmflow binary, which is measured as a user runs it.
package main
