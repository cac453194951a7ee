// Command wasmflow runs jobs: records move from sources through Wasm guests to sinks, exactly
// once.
//
// It owns the command line: the table of sub-commands with their help, the table of connectors,
// file systems and built-in functions, what is printed and which exit code says what. It decides
// nothing about records or epochs; host does.
//
// Invariants:
//
//	L1  Every sub-command is a row of commands(), every connector a row of specs(). Nothing
//	    registers itself.
//	L2  What a program may read goes to standard output; progress, logs and errors go to
//	    standard error.
//	L3  An error is printed once, where the command ends, and its exit code follows from what it
//	    is (exitCode), not from where it came up.
//	L4  Only run and what steers a running job (stop, swap, rollback, pause, resume, checkpoint)
//	    change anything. validate, dry-run, fsck, status, plugins and
//	    inspect claim and commit nothing; new writes into a folder of its own.
//	L5  run takes everything from the outside through process, so a test is the command.
//
// Below: everything. Nothing imports this package.
package main
