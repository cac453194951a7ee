package file

import "github.com/wasmflow/wasmflow/connectors"

// Name is the connector's name in job files.
const Name = "file"

// Spec describes the connector.
func Spec() connectors.Spec {
	return connectors.Spec{
		Name: Name,
		Doc: "Reads files, folders and globs, once or as they appear and grow, and writes plain " +
			"files: one with one task, a folder of numbered ones with several.",
		NewSource: func() connectors.SourceConfig { return NewSourceConfig() },
		NewSink:   func() connectors.SinkConfig { return NewSinkConfig() },
	}
}
