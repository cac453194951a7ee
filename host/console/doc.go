// Package console renders the one live line that `wasmflow run` shows on a terminal.
//
// It owns what the line says and what it leaves out when the terminal is narrow. It is pure: it
// reads no clock, no counter and no terminal, and writes nothing.
//
// Invariants:
//
//	L1  A line is ASCII without control characters and never longer than the width, whatever the
//	    snapshots hold.
//	L2  What needs attention (another state than running, refused records, restarts) is the last
//	    to be left out.
//
// Below: nothing. Above: cmd/wasmflow.
package console
