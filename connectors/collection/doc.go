// Package collection is a source of records that are written in the job file: for examples, small
// tables and tests.
//
// It owns how records are written in TOML. It reads nothing from outside.
//
// Invariants:
//
//	L1  There is one split; its position is the index of the next record. So one task reads, in
//	    the order of the file.
//	L2  The bytes of records are lent from the configuration and never change.
//
// Below: connectors, connectors/position. Above: the command's table of connectors.
package collection
