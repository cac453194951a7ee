package builtin_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format/avro"
	"github.com/wasmflow/wasmflow/connectors/format/jsonschema"
	"github.com/wasmflow/wasmflow/connectors/format/keyvalue"
)

// upstreamSchemas are Flink's tests of JSON, Avro and the schema registry.
func upstreamSchemas() []connectortest.UpstreamFile {
	return append(upstreamJSON(), upstreamAvro()...)
}

func upstreamJSON() []connectortest.UpstreamFile {
	return []connectortest.UpstreamFile{
		{Name: "JSONKeyValueDeserializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testDeserializeWithoutMetadata",
				Run: keyValue(`{"index":4}`, `{"word":"world"}`, false,
					`{"key":{"index":4},"value":{"word":"world"}}`)},
			{Name: "testDeserializeWithoutKey",
				Run: keyValue("", `{"word":"world"}`, false, `{"value":{"word":"world"}}`)},
			{Name: "testDeserializeWithoutValue", Run: keyValue(`{"index":4}`, "", false,
				`{"key":{"index":4}}`)},
			{Name: "testDeserializeWithMetadata",
				Run: keyValue(`{"index":4}`, `{"word":"world"}`, true,
					`{"key":{"index":4},"value":{"word":"world"},`+
						`"metadata":{"offset":4,"topic":"topic#1","partition":3}}`)},
		}},
		{Name: "JsonRowDeserializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testTypeInfoDeserialization", Run: jsonFits(rowSchema, row, ""),
				Note: "the value stays JSON text; a schema says its types"},
			{Name: "testSchemaDeserialization", Run: jsonFits(rowSchema, row, ""),
				Note: "the value stays JSON text"},
			{Name: "testMissingNode", Run: jsonFits(rowSchema, `{}`, "missing property 'id'"),
				Note: "a member that must not be missing is required by the schema"},
			{Name: "testNumberOfFieldNamesAndTypesMismatch", Note: "a schema gives every name its type"},
		}},
		{Name: "JsonRowSerializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testRowSerialization", Run: jsonWrites(rowSchema, row, "")},
			{Name: "testSerializationOfTwoRows", Run: jsonWrites(rowSchema, row, "")},
			{Name: "testNestedSchema", Run: jsonWrites(`{"properties":{"in":`+rowSchema+`}}`,
				`{"in":`+row+`}`, "")},
			{Name: "testSerializeRowWithInvalidNumberOfFields",
				Run: jsonWrites(rowSchema, `{"id":1,"name":"x","more":2}`,
					"additional properties 'more' not allowed")},
			{Name: "testSchema", Run: jsonWrites(rowSchema, row, "")},
		}},
		{Name: "JsonRowSchemaConverterTest", Tests: []connectortest.Upstream{
			{Name: "testComplexSchema",
				Run: jsonFits(`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"tuples"`+
					`:{"items":[{"type":"number"},`+
					`{"enum":["a"]}]},"tel":{"oneOf":[{"type":"null"},`+rowSchema+`]}}}`,
					`{"tuples":[1,"a"],"tel":null}`, ""),
				Note: "a schema makes no types; it checks values"},
			{Name: "testReferenceSchema", Run: jsonFits(`{"definitions":{"row":`+rowSchema+`},`+
				`"properties":{"a":{"$ref":"#/definitions/row"}}}`, `{"a":`+row+`}`, "")},
			{Name: "testAtomicType", Run: jsonFits(`{"type":"number"}`, `12345678901234567890.5`, "")},
			{Name: "testMissingType", Run: jsonFits(`{}`, `1`, ""),
				Note: "a schema without a type allows every value, as JSON Schema has it"},
			{Name: "testWrongType", Run: jsonSchemaRefused(`{"type":"whatever"}`)},
			{Name: "testArrayWithAdditionalItems",
				Run: jsonFits(`{"$schema":"http://json-schema.org/draft-07/schema#",`+
					`"type":"array","items":[{"type":"integer"}],"additionalItems":true}`, `[1,"x"]`, ""),
				Note: "allowed: nothing has to be made of the items"},
			{Name: "testMissingProperties", Run: jsonFits(`{"type":"object"}`, `{"a":1}`, "")},
			{Name: "testNullUnionTypes", Run: jsonFits(`{"type":["string","null"]}`, `null`, "")},
			{Name: "testTimestamp", Run: jsonFits(`{"type":"string","format":"date-time"}`,
				`"2019-11-22T12:00:00Z"`, "")},
		}},
	}
}

func upstreamAvro() []connectortest.UpstreamFile {
	const (
		java    = "functions are made from the job file in every process"
		classes = "there are no generated classes; a schema says what a value is"
		own     = "records are bytes; the engine has no form of its own for values"
	)
	return []connectortest.UpstreamFile{
		{Name: "AvroDeserializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testGenericRecord", Run: avroBothWays},
			{Name: "testSpecificRecord", Note: classes},
		}},
		{Name: "RegistryAvroDeserializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testGenericRecordReadWithCompatibleSchema", Run: registryCompatible},
			{Name: "testSpecificRecordReadMoreFieldsThanWereWritten", Run: registryMoreFields,
				Note: "read with a reader's schema instead of a class"},
		}},
		{Name: "AvroRowDeSerializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testSpecificSerializeDeserializeFromClass", Note: classes},
			{Name: "testSpecificSerializeDeserializeFromSchema", Run: avroBothWays},
			{Name: "testGenericSerializeDeserialize", Run: avroBothWays},
			{Name: "testSpecificSerializeFromClassSeveralTimes", Note: classes},
			{Name: "testSpecificSerializeFromSchemaSeveralTimes", Run: avroBothWays},
			{Name: "testGenericSerializeSeveralTimes", Run: avroBothWays},
			{Name: "testSpecificDeserializeFromClassSeveralTimes", Note: classes},
			{Name: "testSpecificDeserializeFromSchemaSeveralTimes", Run: avroBothWays},
			{Name: "testGenericDeserializeSeveralTimes", Run: avroBothWays},
			{Name: "testSerializability", Note: java},
		}},
		{Name: "ConfluentSchemaRegistryCoderTest", Tests: []connectortest.Upstream{
			{Name: "testSpecificRecordWithConfluentSchemaRegistry", Run: registryCompatible},
			{Name: "testMagicByteVerification", Run: registryMagicByte,
				Note: "the record is a fault, with the policy of its source, not the end of the job"},
		}},
		{Name: "TypeInformationSerializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testDeSerialization", Note: own}, {Name: "testSerializability", Note: own},
		}},
	}
}

const (
	rowSchema = `{"type":"object","required":["id"],"additionalProperties":false,"properties":{` +
		`"id":{"type":"integer"},"name":{"type":"string"},"bytes":{"type":"string","contentEncoding"` +
		`:"base64"}}}`
	row = `{"id":1238123899121,"name":"asdlkjasjkdla998y1122","bytes":"AAEC"}`
)

func keyValue(key, value string, metadata bool, want string) func(*testing.T) {
	return func(t *testing.T) {
		d := keyvalue.NewDeserializer(connectors.FunctionContext{
			Place: func(string) (string, int32, bool) { return "topic#1", 3, true },
		}, &keyvalue.Options{IncludeMetadata: metadata})
		var in, out connectors.Batch
		var faults connectors.Faults
		r := in.Append()
		r.Position.Lo, r.Split = 4, in.SplitIndex("topic#1-3")
		if key != "" {
			r.Key = []byte(key)
		}
		if value != "" {
			r.Value = []byte(value)
		}
		require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
		require.Empty(t, faults.List)
		require.Equal(t, want, string(out.Records[0].Value))
	}
}

func jsonFits(schema, value, fault string) func(*testing.T) {
	return func(t *testing.T) {
		o := jsonschema.NewDeserializerOptions()
		o.Schema = schema
		d, err := jsonschema.NewDeserializer(t.Context(), connectors.FunctionContext{}, o)
		require.NoError(t, err)
		got, text := deserialized(t, d, value)
		if fault != "" {
			require.Contains(t, text, fault)
			return
		}
		require.Empty(t, text)
		require.Equal(t, []string{value}, got)
	}
}

func jsonWrites(schema, value, fault string) func(*testing.T) {
	return func(t *testing.T) {
		o := jsonschema.NewSerializerOptions()
		o.Schema = schema
		s, err := jsonschema.NewSerializer(t.Context(), connectors.FunctionContext{}, o)
		require.NoError(t, err)
		var in, out connectors.Batch
		var faults connectors.Faults
		in.Append().Value = []byte(value)
		in.Append().Value = []byte(value)
		require.NoError(t, s.Serialize(t.Context(), &in, &out, &faults))
		if fault != "" {
			require.Len(t, faults.List, 2)
			require.Contains(t, faults.List[0].Text, fault)
			return
		}
		require.Empty(t, faults.List)
		require.Equal(t, value, string(out.Records[0].Value))
		require.Equal(t, value, string(out.Records[1].Value))
	}
}

func jsonSchemaRefused(schema string) func(*testing.T) {
	return func(t *testing.T) {
		o := jsonschema.NewDeserializerOptions()
		o.Schema = schema
		var p connectors.Problems
		o.CheckFiles(t.Context(), connectors.Env{}, &p)
		require.Len(t, p.List, 1)
	}
}

const addressAvro = `{"type":"record","name":"Address","fields":[{"name":"num","type":"int"},` +
	`{"name":"street","type":"string"},{"name":"at","type":{"type":"long","logicalType":"timestam` +
	`p-millis"}},` +
	`{"name":"tags","type":["null",{"type":"array","items":"string"}]}]}`

// avroBothWays writes and reads a value, several times.
func avroBothWays(t *testing.T) {
	w, r := avro.NewSerializerOptions(), avro.NewDeserializerOptions()
	w.Schema, r.Schema = addressAvro, addressAvro
	s, err := avro.NewSerializer(t.Context(), connectors.FunctionContext{}, w)
	require.NoError(t, err)
	d, err := avro.NewDeserializer(t.Context(), connectors.FunctionContext{}, r)
	require.NoError(t, err)
	const value = `{"num":5,"street":"s","at":"2019-11-22T12:00:00.000Z","tags":["a","b"]}`
	for range 3 {
		got, fault := deserialized(t, d, serialized(t, s, value))
		require.Empty(t, fault)
		require.Equal(t, []string{value}, got)
	}
}

// registered returns a deserializer over a registry that has schema as id 7.
func registered(t *testing.T, schema, reader string) *avro.Deserializer {
	fake := srfake.New()
	t.Cleanup(fake.Close)
	fake.SeedSchema("testTopic", 1, 7, sr.Schema{Schema: schema})
	o := avro.NewDeserializerOptions()
	o.Registry.URLs, o.ReaderSchema = []string{fake.URL()}, reader
	d, err := avro.NewDeserializer(t.Context(), connectors.FunctionContext{}, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

const smallUser = `{"type":"record","name":"User","fields":[{"name":"name","type":"string"}]}`

func registryCompatible(t *testing.T) {
	got, fault := deserialized(t, registered(t, `{"type":"record","name":"User","fields":[`+
		`{"name":"name","type":"string"},{"name":"more","type":"int"}]}`, smallUser),
		"\x00\x00\x00\x00\x07\x02a\x02")
	require.Empty(t, fault)
	require.Equal(t, []string{`{"name":"a"}`}, got)
}

func registryMoreFields(t *testing.T) {
	got, fault := deserialized(t, registered(t, smallUser, `{"type":"record","name":"User","fields":[`+
		`{"name":"name","type":"string"},{"name":"num","type":["null","int"],"default":null}]}`),
		"\x00\x00\x00\x00\x07\x02a")
	require.Empty(t, fault)
	require.Equal(t, []string{`{"name":"a","num":null}`}, got)
}

func registryMagicByte(t *testing.T) {
	_, fault := deserialized(t, registered(t, `"boolean"`, ""), "\x05\x00\x00\x00\x07\x01")
	require.Contains(t, fault, "the message begins with byte 0x05")
}
