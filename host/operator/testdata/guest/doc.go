// Guest is the plugin of the operators' tests: each function shows one thing a function can do
// right, or wrong.
package main
