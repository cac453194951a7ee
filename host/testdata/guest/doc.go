// Guest is the plugin of the engine's tests: what it does to a record is the configuration's
// choice.
package main
