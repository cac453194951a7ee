// Package builtin is the table of the functions that job files name without a plugin: deserializers
// and serializers.
//
// It owns names and one-line descriptions. It does nothing itself: each row opens a thing of one
// of the packages beside it. There is no registration; a new format is one line here.
//
// Below: the formats in connectors/format. Above: cmd.
package builtin
