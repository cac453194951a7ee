// Command hdfs measures writing to HDFS: the text sink of wasmflow beside Hadoop's own client, which
// puts the same bytes into the same cluster in the same run, and writes bench/HDFS.md. It is
// `make bench-hdfs`.
//
// It owns the contenders. Every one is a process of its own, so that CPU time and memory are what
// the kernel counted for it; the cluster's are in none of them.
//
// Invariants:
//
//	B1  Every figure in HDFS.md was printed by the run that wrote the file.
//	B2  Contenders are run in turns; ratios are taken within a round, and their median is reported.
//	B3  A contender that did not write every byte is an error, not a figure.
//
// Below: bench/measure; connectors/connectortest/servers for the cluster; connectors/filesystem/hdfs
// to look at what was written. Beside: the wasmflow binary, which is measured as a user runs it.
package main
