// Command formatfiles writes files of every type and every compression into a folder, and their
// rows as JSON, for the programs of others to read: make check-formats.
//
// It owns its flags. What the files hold is connectors/connectortest/formats' business, and so is
// check.py, which compares.
//
// Above, below: nothing.
package main
