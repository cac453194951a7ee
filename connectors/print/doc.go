// Package printsink writes records to standard output or standard error, one line each, for
// looking at a job.
//
// It owns the line format. It never buffers over a batch and never writes part of one: the lines
// of a batch go out in one Write, so those of two tasks never mix.
//
// The folder is named like the connector; the package is not, because print is a word of the
// language.
//
// Below: connectors. Above: the command's table of connectors.
package printsink
