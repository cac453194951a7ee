// Package config turns a job file into a Job, or into the list of everything that is wrong
// with it.
//
// It owns the keys of the job file: their names, defaults, bounds and texts, the way values are
// completed (environment, secrets, relative paths), the checks between sections, and the reference
// page made from the same structs. It knows connectors only as the table it is given. It opens no
// source, sink, plugin or store; all it reads are the job file and the files that secrets name.
//
// Invariants:
//
//	J1  Every problem of a file is reported, once, with file, line, key, and what to do.
//	J2  A key that nothing reads is a problem. Nothing in a job file is ignored.
//	J3  A Job that Parse returned passed every check: its names are well formed and unique, its
//	    edges lead from sources to sinks without a cycle, its functions and plugins exist.
//	J4  The value of a secret, or of an environment variable, stands in no text of this package.
//	J5  Paths of a Job are absolute or URLs.
//	J6  Input of any kind ends in a Job or in an *Error, never in a panic.
//
// Below: connectors. Above: host, cmd/wasmflow.
package config
