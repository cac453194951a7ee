// Uppercase is a plugin that turns the ASCII letters of values to upper case. Keys, headers,
// timestamps and null values stay as they are.
package main
