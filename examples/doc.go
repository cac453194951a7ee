// Package examples holds jobs that run as they stand, each in a folder with its job file. The tests
// run every one of them, and the commands of the README, with the binary and the guests that
// "make build guests" makes.
//
// It owns the examples and nothing else; no package imports it.
package examples
