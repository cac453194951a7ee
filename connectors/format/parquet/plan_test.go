package parquet

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/fstest"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// columnsOf returns the columns of a schema as Parquet writes them down.
func columnsOf(t *testing.T, schema string, change ...func(*Options)) string {
	t.Helper()
	file := writeFile(t, openFiles(t, schema, change...))
	opened, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return opened.Schema().String()
}

func fieldSchema(typ string) string {
	return fmt.Sprintf(`{"type":"record","name":"R","fields":[{"name":"x","type":%s}]}`, typ)
}

func TestColumnsOfTypes(t *testing.T) {
	for _, tt := range []struct{ typ, want string }{
		{`"boolean"`, "required boolean x;"},
		{`"int"`, "required int32 x (INT(32,true));"},
		{`"long"`, "required int64 x (INT(64,true));"},
		{`"float"`, "required float x;"},
		{`"double"`, "required double x;"},
		{`"bytes"`, "required binary x;"},
		{`"string"`, "required binary x (STRING);"},
		{`{"type":"fixed","name":"F","size":5}`, "required fixed_len_byte_array(5) x;"},
		{`{"type":"enum","name":"E","symbols":["A"]}`, "required binary x (ENUM);"},
		{`{"type":"int","logicalType":"date"}`, "required int32 x (DATE);"},
		{`{"type":"int","logicalType":"time-millis"}`,
			"required int32 x (TIME(isAdjustedToUTC=false,unit=MILLIS));"},
		{`{"type":"long","logicalType":"timestamp-micros"}`,
			"required int64 x (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));"},
		{`{"type":"long","logicalType":"local-timestamp-nanos"}`,
			"required int64 x (TIMESTAMP(isAdjustedToUTC=false,unit=NANOS));"},
		{`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`,
			"required int32 x (DECIMAL(9,2));"},
		{`{"type":"bytes","logicalType":"decimal","precision":10}`,
			"required int64 x (DECIMAL(10,0));"},
		{`{"type":"bytes","logicalType":"decimal","precision":19}`,
			"required fixed_len_byte_array(9) x (DECIMAL(19,0));"},
		{`{"type":"bytes","logicalType":"decimal","precision":38}`,
			"required fixed_len_byte_array(16) x (DECIMAL(38,0));"},
		{`{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}`,
			"required fixed_len_byte_array(16) x (UUID);"},
		{`["null","string"]`, "optional binary x (STRING);"},
		{`["int","null"]`, "optional int32 x (INT(32,true));"},
		{`["int"]`, "required int32 x (INT(32,true));"},
		{`{"type":"array","items":["null","string"]}`,
			"required group x (LIST) { repeated group list { optional binary element (STRING); } }"},
		{`{"type":"map","values":"double"}`, "required group x (MAP) { repeated group key_value { " +
			"required binary key (STRING); required double value; } }"},
		{`["null",{"type":"record","name":"I","fields":[{"name":"b","type":"float"},` +
			`{"name":"a","type":"float"}]}]`, "optional group x { required float b; required float a; }"},
	} {
		t.Run(tt.typ, func(t *testing.T) {
			got := strings.Join(strings.Fields(columnsOf(t, fieldSchema(tt.typ))), " ")
			_, got, _ = strings.Cut(got, "{ ")
			require.Equal(t, tt.want+" }", got)
		})
	}
}

// doubling returns a schema of n records of which each holds the next one twice: 2^n columns.
func doubling(n int) string {
	typ := `"int"`
	for i := range n {
		typ = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},`+
			`{"name":"b","type":%s}]}`, i, typ, nameOr(i, typ))
	}
	return typ
}

func nameOr(i int, typ string) string {
	if i == 0 {
		return typ
	}
	return fmt.Sprintf(`"R%d"`, i-1)
}

func TestTypesWithoutAFormAreRefused(t *testing.T) {
	deep := `"int"`
	for range 100 {
		deep = fmt.Sprintf(`{"type":"array","items":%s}`, deep)
	}
	for name, tt := range map[string]struct{ schema, want string }{
		"no record":  {`"int"`, "the schema is of the type int; rows of Parquet are records"},
		"union":      {fieldSchema(`["int","string"]`), "field x: this union has no form in Parquet"},
		"wide union": {fieldSchema(`["null","int","string"]`), "field x: this union has no form in Parquet"},
		"null":       {fieldSchema(`"null"`), "field x: Parquet has no type of null alone"},
		"null union": {fieldSchema(`["null"]`), "field x: this union has no form in Parquet"},
		"no bytes": {
			fieldSchema(`{"type":"fixed","name":"F","size":0}`), "field x: F has no bytes",
		},
		"no fields": {
			fieldSchema(`{"type":"record","name":"E","fields":[]}`), "record E has no fields",
		},
		"in a list": {
			fieldSchema(`{"type":"array","items":"null"}`), "field x.[]: Parquet has no type",
		},
		"in a map": {
			fieldSchema(`{"type":"map","values":"null"}`), "field x.{}: Parquet has no type",
		},
		"deep":    {fieldSchema(deep), "it is nested in more than 80 types"},
		"columns": {doubling(20), "the schema has more than 10000 columns"},
		"digits": {fieldSchema(`{"type":"bytes","logicalType":"decimal","precision":1001}`),
			"field x: a decimal of 1001 digits; 1000 are the most"},
		"recursive": {fieldSchema(`["null","R"]`), "field x: record R holds itself"},
		"no JSON":   {"{\n\"type\":\n}", "line 3: "},
		"no schema": {`{"type":"nope"}`, "reading the schema"},
		"far within": {
			fieldSchema(fieldSchema2(`{"type":"array","items":["int","long"]}`)), "field x.y.[]: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewOptions()
			o.Values.Schema = tt.schema
			_, err := Open(t.Context(), connectors.Env{}, o)
			require.ErrorContains(t, err, "schema: ")
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func fieldSchema2(typ string) string {
	return fmt.Sprintf(`{"type":"record","name":"S","fields":[{"name":"y","type":%s}]}`, typ)
}

// TestErrorsNameTheFile holds that who reads the message finds the place.
func TestErrorsNameTheFile(t *testing.T) {
	fs := local.New(local.Options{Disk: fstest.NewDisk()})
	env := connectors.Env{
		FileSystems: func(_ context.Context, url string) (filesystem.FileSystem, string, error) {
			return fs, url, nil
		},
	}
	o := NewOptions()
	o.Values.SchemaFile = "/order.avsc"
	for text, want := range map[string]string{
		"{\n,":                           "schema_file: /order.avsc: line 2: invalid character",
		fieldSchema(`["long","string"]`): "schema_file: /order.avsc: field x: this union has no form in Parquet",
	} {
		require.NoError(t, fs.WriteFile(t.Context(), "/order.avsc", []byte(text)))
		_, err := Open(t.Context(), env, o)
		require.ErrorContains(t, err, want)
	}
}

const orderSchema = `{
	"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Order", "type": "object",
	"required": ["id", "lines", "at"], "additionalProperties": false,
	"properties": {
		"id": {"type": "integer", "minimum": 1},
		"at": {"type": "string", "format": "date-time"},
		"day": {"type": "string", "format": "date"},
		"key": {"type": "string", "format": "uuid"},
		"state": {"type": ["string", "null"], "enum": ["new", "paid", null]},
		"kind": {"enum": ["a b", "c"]},
		"paid": {"type": "boolean"},
		"weight": {"type": "number"},
		"count": {"type": "integer", "format": "int32"},
		"photo": {"type": "string", "contentEncoding": "base64"},
		"note": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/text"}]},
		"labels": {"type": "object", "additionalProperties": {"type": "string"}},
		"lines": {"type": "array", "items": {"$ref": "#/$defs/line"}}
	},
	"$defs": {
		"text": {"type": "string", "maxLength": 100},
		"line": {"properties": {"sku": {"$ref": "#/$defs/text"}, "n": {"type": "integer"}},
			"required": ["sku"]}
	}
}`

func jsonSchema(o *Options) { o.SchemaType = JSONSchema }

func TestColumnsOfAJSONSchema(t *testing.T) {
	got := strings.Fields(columnsOf(t, orderSchema, jsonSchema))
	const want = `message root {
	required int64 id (INT(64,true));
	required int64 at (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional int32 day (DATE);
	optional fixed_len_byte_array(16) key (UUID);
	optional binary state (ENUM);
	optional binary kind (STRING);
	optional boolean paid;
	optional double weight;
	optional int32 count (INT(32,true));
	optional binary photo;
	optional binary note (STRING);
	optional group labels (MAP) {
		repeated group key_value { required binary key (STRING); required binary value (STRING); } }
	required group lines (LIST) {
		repeated group list { required group element {
			required binary sku (STRING); optional int64 n (INT(64,true)); } } }
	}`
	require.Equal(t, strings.Fields(want)[2:], got[2:])
}

func TestRowsOfAJSONSchema(t *testing.T) {
	type line struct {
		SKU string `parquet:"sku"`
		N   *int64 `parquet:"n,optional"`
	}
	type order struct {
		ID    int64   `parquet:"id"`
		State *string `parquet:"state,optional"`
		Lines []line  `parquet:"lines,list"`
	}
	file := writeFile(t, openFiles(t, orderSchema, jsonSchema),
		[]byte(`{"id":7,"at":"2020-01-02T03:04:05Z","state":"paid","lines":[{"sku":"a","n":2},`+
			`{"sku":"b"}]}`),
		[]byte(`{"id":8,"at":"2020-01-02T03:04:05.25+01:00","lines":[]}`))
	rows, err := parquet.Read[order](bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	two, paid := int64(2), "paid"
	require.Equal(t, []order{
		{7, &paid, []line{{"a", &two}, {"b", nil}}}, {8, nil, []line{}},
	}, rows)
}

func TestJSONSchemasWithoutAFormAreRefused(t *testing.T) {
	of := func(property string) string {
		return fmt.Sprintf(`{"type":"object","properties":{"x":%s},"$defs":{"loop":{"type":"array",`+
			`"items":{"$ref":"#/$defs/loop"}}}}`, property)
	}
	for name, tt := range map[string]struct{ schema, want string }{
		"no record": {`{"type":"integer"}`, "the type long"},
		"null rows": {
			`{"type":["object","null"],"properties":{"x":{"type":"string"}}}`, "never null",
		},
		"anything":  {of(`true`), "at #/properties/x: want an object"},
		"no type":   {of(`{}`), "at #/properties/x: type: required"},
		"null":      {of(`{"type":"null"}`), "at #/properties/x: type: required"},
		"unknown":   {of(`{"type":"money"}`), `type "money" is not known`},
		"two types": {of(`{"type":["string","integer"]}`), "this union has no form in Parquet"},
		"choice": {
			of(`{"oneOf":[{"type":"string"},{"type":"integer"}]}`), "#/properties/x/oneOf: this union",
		},
		"no choice": {of(`{"oneOf":[]}`), "#/properties/x/oneOf: this union"},
		"conjunction": {
			of(`{"allOf":[{"type":"string"}]}`), "at #/properties/x: allOf has no form",
		},
		"patterns": {
			of(`{"type":"object","patternProperties":{}}`), "patternProperties has no form",
		},
		"tuple": {
			of(`{"type":"array","items":[{"type":"string"}]}`), "#/properties/x/items: want",
		},
		"no items":      {of(`{"type":"array"}`), "at #/properties/x: items: required"},
		"no properties": {of(`{"type":"object"}`), "at #/properties/x: properties: required"},
		"name": {
			of(`{"type":"object","properties":{"a-b":{"type":"string"}}}`), `"a-b" is no name`,
		},
		"recursion":      {of(`{"$ref":"#/$defs/loop"}`), "#/$defs/loop holds itself"},
		"elsewhere":      {of(`{"$ref":"other.json"}`), "only those that begin with #/"},
		"dangling":       {of(`{"$ref":"#/$defs/none"}`), "points at nothing"},
		"list of a loop": {`{"$ref":"#/x"}`, "points at nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			o := NewOptions()
			o.Values.Schema, o.SchemaType = tt.schema, JSONSchema
			_, err := Open(t.Context(), connectors.Env{}, o)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// TestReferencesDoNotMultiply holds that a short schema of many columns costs no more than one.
func TestReferencesDoNotMultiply(t *testing.T) {
	defs := []string{`"d0":{"type":"string"}`}
	for i := range 40 {
		defs = append(defs, fmt.Sprintf(`"d%d":{"properties":{"a":{"$ref":"#/$defs/d%d"},`+
			`"b":{"$ref":"#/$defs/d%d"}}}`, i+1, i, i))
	}
	_, err := fromJSONSchema(`{"$ref":"#/$defs/d40","$defs":{` + strings.Join(defs, ",") + `}}`)
	require.ErrorContains(t, err, "more than 20000 types")
}

func TestOptionsAreChecked(t *testing.T) {
	o := NewOptions()
	o.Compression, o.SchemaType, o.RowGroupSize = "lzo", "xsd", 10
	var p connectors.Problems
	o.Validate(&p, "writer.")
	var keys []string
	for _, problem := range p.List {
		keys = append(keys, problem.Key)
	}
	require.ElementsMatch(t, []string{
		"schema_file", "writer.schema_type", "writer.compression", "writer.row_group_size",
	}, keys)
}
