// Command examples-go is the plugin of guests/examples/SPEC.md in Go: it makes JSON of access logs,
// routes orders and hides addresses and numbers.
package main
