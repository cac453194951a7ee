// Package avro turns Avro's binary form into JSON and back: the deserializer and the serializer
// "avro", with a schema from the job file or from a schema registry, and object container files.
//
// It owns the JSON form of Avro values, which docs/formats.md describes, the resolution of a
// writer's schema to a reader's, the two transcoders, and the bytes of object container files. It
// parses no schema itself: the library does, and checks it.
//
// Invariants:
//
//	A1  A value that comes back from JSON is the value that went there, unless a plain union leaves
//	    open which branch it was.
//	A2  Bytes are never trusted: lengths, counts and depth are checked before use, and a record
//	    grows to no more than valueBytesMax.
//	A3  A number keeps its digits: no integer and no decimal passes through floating point.
//	A4  A null value is handed on as null (a tombstone), in both directions.
//	A5  Transcoding allocates nothing per record once its buffers have grown.
//
// Below: connectors, connectors/format/compress, jsontext and registry. Above:
// connectors/format/builtin, the table of formats of files, connectors/file.
package avro
