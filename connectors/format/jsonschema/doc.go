// Package jsonschema checks values against a JSON Schema: the deserializer and the serializer
// "json-schema", with a schema from a file or from a schema registry.
//
// It owns which schemas a schema may refer to and the words for what does not fit. Values stay the
// JSON they are; a registry's header is taken off and put before them.
//
// Invariants:
//
//	J1  Nothing is fetched: a schema refers to files in its own folder, or to what the registry
//	    lists with it.
//	J2  Depth is bounded; what does not fit is a fault of its record.
//	J3  A null value is handed on as null (a tombstone), in both directions.
//
// Below: connectors, connectors/format, connectors/format/jsontext and connectors/format/registry.
// Above: connectors/format/builtin.
package jsonschema
