// Package protobuf turns Protobuf messages into JSON and back: the deserializer and the serializer
// "protobuf", with a schema from a file or from a schema registry.
//
// It owns where descriptors come from and how a message is found in its file. The JSON form is
// Protobuf's own mapping, without the spaces that the library sprinkles over it.
//
// Invariants:
//
//	P1  The same message makes the same JSON in every build, and the same JSON the same bytes.
//	P2  Depth and size are bounded; what does not parse is a fault of its record.
//	P3  A null value is handed on as null (a tombstone), in both directions.
//
// Below: connectors, connectors/format and connectors/format/registry. Above:
// connectors/format/builtin.
package protobuf
