package builtin_test

import (
	"encoding/json"
	"flag"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/connectortest"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
	"github.com/wasmflow/wasmflow/connectors/format/csv"
	"github.com/wasmflow/wasmflow/connectors/format/jsonlines"
	"github.com/wasmflow/wasmflow/connectors/format/lines"
	"github.com/wasmflow/wasmflow/connectors/format/text"
)

var update = flag.Bool("update", false, "write the generated table")

// TestUpstream runs Flink's tests of the schemas that are built in.
func TestUpstream(t *testing.T) {
	connectortest.UpstreamPage{
		Page: "flink-formats.md", Package: "connectors/format/builtin",
		Title: "Flink's schemas, test by test",
		Intro: "What becomes of the tests of Flink's schemas in the built-in functions and in the CSV " +
			"files of sinks. A test that runs is found under its own name below `TestUpstream` in " +
			"connectors/format/builtin. A row is a JSON object here.",
		Files: append(upstreamFiles(), upstreamSchemas()...),
	}.Run(t, *update)
}

func upstreamFiles() []connectortest.UpstreamFile {
	const java = "functions are made from the job file in every process"
	return []connectortest.UpstreamFile{
		{Name: "CsvRowDeSerializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testSerializeDeserialize", Run: csvRoundTrip,
				Note: "decimals, dates and bytes are JSON numbers and texts of the same digits"},
			{Name: "testSerializeDeserializeCustomizedProperties", Run: csvCustomized},
			{Name: "testDeserializeParseError", Run: csvRead(false, false, "Test,null,Test", "fault")},
			{Name: "testDeserializeUnsupportedNull",
				Run: csvRead(true, false, "Test,null,Test", `{"f0":"Test","f1":null,"f2":"Test"}`)},
			{Name: "testDeserializeIncompleteRow",
				Run: csvRead(true, false, "Test", `{"f0":"Test","f1":null,"f2":null}`)},
			{Name: "testDeserializeMoreColumnsThanExpected",
				Run:  csvRead(true, false, "Test,12,Test,Test", ""),
				Note: "the record makes no record, where Flink makes a null row"},
			{Name: "testDeserializeIgnoreComment",
				Run: csvRead(false, false, "#Test,12,Test", `{"f0":"#Test","f1":12,"f2":"Test"}`)},
			{Name: "testDeserializeAllowComment", Run: csvRead(true, true, "#Test,12,Test", ""),
				Note: "the record makes no record, where Flink makes a null row"},
			{Name: "testSerializationProperties", Run: csvLineDelimiter("\r")},
			{Name: "testEmptyLineDelimiter", Run: csvLineDelimiter(""),
				Note: "an empty one is the default, because sinks put their own delimiters"},
			{Name: "testInvalidNesting", Run: csvRefused("f1 row<a row<b string>>")},
			{Name: "testInvalidType", Run: csvRefused("f1 java.util.Date")},
		}},
		{Name: "CsvOutputFormatTest", Tests: []connectortest.Upstream{
			{Name: "testNullAllow", Run: csvNulls(lines.NullsEmpty)},
			{Name: "testNullDisallowOnDefault", Run: csvNulls(lines.NullsFault),
				Note: "the record is a fault, with the policy of its sink, not the end of the job"},
		}},
		{Name: "SimpleStringSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testSerializationWithAnotherCharset", Run: stringCharset},
			{Name: "testSerializability", Note: java},
		}},
		{Name: "JsonNodeDeserializationSchemaTest", Tests: []connectortest.Upstream{
			{Name: "testDeserialize", Run: jsonNode, Note: "the value stays JSON text; guests read it"},
		}},
	}
}

func deserialized(t *testing.T, d connectors.Deserializer, value string) (rows []string,
	fault string) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
	for _, r := range out.Records {
		rows = append(rows, string(r.Value))
	}
	for _, f := range faults.List {
		fault = f.Text
	}
	return rows, fault
}

func serialized(t *testing.T, s connectors.Serializer, value string) string {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, s.Serialize(t.Context(), &in, &out, &faults))
	require.Empty(t, faults.List)
	return string(out.Records[0].Value)
}

// csvField checks one field of a type between two texts, in one direction or in both.
type csvField struct {
	typ, text, value string
	readOnly         bool
}

func (c csvField) check(t *testing.T, dialect func(*csv.Dialect)) {
	t.Helper()
	r, w := csv.NewDeserializerOptions(), csv.NewSerializerOptions()
	dialect(&r.Dialect)
	dialect(&w.Dialect)
	w.LineDelimiter = "\n"
	columns := []string{"f0", "f1 " + c.typ, "f2"}
	r.Columns, w.Columns = columns, columns
	d, err := csv.NewDeserializer(r)
	require.NoError(t, err)
	s, err := csv.NewSerializer(w)
	require.NoError(t, err)
	row := "BEGIN" + r.FieldDelimiter + c.text + r.FieldDelimiter + "END\n"
	value := `{"f0":"BEGIN","f1":` + c.value + `,"f2":"END"}`
	if !c.readOnly {
		require.Equal(t, row, serialized(t, s, value))
	}
	got, fault := deserialized(t, d, row)
	require.Empty(t, fault)
	require.Equal(t, []string{value}, got)
}

func csvRoundTrip(t *testing.T) {
	for _, c := range []csvField{
		{typ: "long", text: "null", value: "null"},
		{typ: "string", text: "null", value: "null"},
		{typ: "null", text: "null", value: "null"},
		{typ: "string", text: `"This is a test."`, value: `"This is a test."`},
		{typ: "string", text: "\"This is a test\n\r.\"", value: `"This is a test\n\r."`},
		{typ: "boolean", text: "true", value: "true"},
		{typ: "boolean", text: "null", value: "null"},
		{typ: "byte", text: "124", value: "124"},
		{typ: "short", text: "10000", value: "10000"},
		{typ: "int", text: "1234567", value: "1234567"},
		{typ: "long", text: "12345678910", value: "12345678910"},
		{typ: "float", text: "0.33333334", value: "0.33333334"},
		{typ: "double", text: "0.33333333332", value: "0.33333333332"},
		{typ: "decimal", text: `"1234.0000000000000000000000001"`,
			value: "1234.0000000000000000000000001"},
		{typ: "bigint", text: `"123400000000000000000000000000"`,
			value: "123400000000000000000000000000"},
		{typ: "date", text: "2018-10-12", value: `"2018-10-12"`},
		{typ: "time", text: "12:12:12", value: `"12:12:12"`},
		{typ: "timestamp", text: `"2018-10-12 12:12:12.0"`, value: `"2018-10-12 12:12:12.0"`},
		{typ: "row<a string, b int, c boolean>", text: "Hello;42;false",
			value: `{"a":"Hello","b":42,"c":false}`},
		{typ: "array<string>", text: "a;b;c", value: `["a","b","c"]`},
		{typ: "array<byte>", text: "12;4;null", value: "[12,4,null]"},
		{typ: "bytes", text: "awML", value: `"awML"`},
	} {
		null := "null"
		c.check(t, func(d *csv.Dialect) { d.NullLiteral = &null })
	}
}

func csvCustomized(t *testing.T) {
	for _, c := range []csvField{
		{typ: "string", text: "123*'4**", value: `"123'4*"`, readOnly: true},
		{typ: "string", text: "'123''4**'", value: `"123'4*"`},
		{typ: "string", text: "'a;b*'c'", value: `"a;b'c"`, readOnly: true},
		{typ: "string", text: "'a;b''c'", value: `"a;b'c"`},
		{typ: "int", text: "       12          ", value: "12", readOnly: true},
		{typ: "int", text: "12", value: "12"},
		{typ: "row<a string, b string>", text: "1:hello", value: `{"a":"1","b":"hello"}`, readOnly: true},
		{typ: "row<a string, b string>", text: "'1:hello'", value: `{"a":"1","b":"hello"}`},
		{typ: "row<a string, b string>", text: "'1:hello world'", value: `{"a":"1","b":"hello world"}`},
		{typ: "string", text: "null", value: `"null"`},
	} {
		c.check(t, func(d *csv.Dialect) {
			d.Escape, d.Quote, d.ArrayElementDelimiter, d.FieldDelimiter = "*", "'", ":", ";"
		})
	}
}

// csvRead checks a row of a text, an int and a text. want is empty for no record.
func csvRead(ignore, comments bool, row, want string) func(*testing.T) {
	return func(t *testing.T) {
		o := csv.NewDeserializerOptions()
		o.Columns = []string{"f0", "f1 int", "f2"}
		o.IgnoreParseErrors, o.Comments = ignore, comments
		d, err := csv.NewDeserializer(o)
		require.NoError(t, err)
		got, fault := deserialized(t, d, row)
		switch want {
		case "fault":
			require.Equal(t, `field 2 (f1): "null" is no int`, fault)
		case "":
			require.Empty(t, got)
			require.Empty(t, fault)
		default:
			require.Empty(t, fault)
			require.Equal(t, []string{want}, got)
		}
	}
}

func csvLineDelimiter(end string) func(*testing.T) {
	return func(t *testing.T) {
		o := csv.NewSerializerOptions()
		o.Columns, o.LineDelimiter = []string{"f0", "f1 int", "f2"}, end
		s, err := csv.NewSerializer(o)
		require.NoError(t, err)
		require.Equal(t, "Test,12,Hello"+end, serialized(t, s, `{"f0":"Test","f1":12,"f2":"Hello"}`))
	}
}

func csvRefused(column string) func(*testing.T) {
	return func(t *testing.T) {
		o := csv.NewDeserializerOptions()
		o.Columns = []string{column}
		var p connectors.Problems
		o.Validate(&p)
		require.Len(t, p.List, 1)
		_, err := csv.NewDeserializer(o)
		require.Error(t, err)
	}
}

func csvNulls(nulls string) func(*testing.T) {
	return func(t *testing.T) {
		o := lines.Defaults()
		o.Format, o.Nulls = lines.CSV, nulls
		e, err := lines.New(o)
		require.NoError(t, err)
		got, err := e.Append(nil, &connectors.Record{Value: []byte(`["One",null,8]`)})
		if nulls == lines.NullsFault {
			require.ErrorContains(t, err, "field 1: it is null")
			return
		}
		require.NoError(t, err)
		require.Equal(t, "One,,8\n", string(got))
	}
}

func stringCharset(t *testing.T) {
	const raw = "\x00h\x00\xe4" // UTF-16BE
	d, err := text.NewDeserializer(&text.DeserializerOptions{Charset: "UTF-16BE",
		Invalid: charset.Fail})
	require.NoError(t, err)
	got, fault := deserialized(t, d, raw)
	require.Empty(t, fault)
	require.Equal(t, []string{"h\u00e4"}, got)
	s, err := text.NewSerializer(&text.SerializerOptions{Charset: "UTF-16BE"})
	require.NoError(t, err)
	require.Equal(t, raw, serialized(t, s, "h\u00e4"))
}

func jsonNode(t *testing.T) {
	d := jsonlines.NewChecker(&jsonlines.Options{Require: jsonlines.RequireObject})
	got, fault := deserialized(t, d, `{"key":4,"value":"world"}`)
	require.Empty(t, fault)
	require.True(t, json.Valid([]byte(got[0])))
	_, fault = deserialized(t, d, `[4]`)
	require.Equal(t, "the value is no JSON object", fault)
	_, fault = deserialized(t, d, `{"key":`)
	require.Equal(t, "no JSON at byte 7: want a value", fault)
}
