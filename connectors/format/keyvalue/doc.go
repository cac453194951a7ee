// Package keyvalue puts key and value of a record, which are JSON, into one object and takes them
// out of it: the deserializer and the serializer "json-key-value".
//
// It owns the form of that object: {"key": ..., "value": ..., "metadata": {...}}, where what is
// null in the record is left out. It is the one format that reads keys and values at once.
//
// Below: connectors, connectors/format and connectors/format/jsontext. Above:
// connectors/format/builtin.
package keyvalue
