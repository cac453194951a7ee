package avro

import (
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/avro"

	"github.com/wasmflow/wasmflow/connectors"
)

var update = flag.Bool("update", false, "write the golden files")

// newDeserializer returns the deserializer of valid options.
func newDeserializer(t testing.TB, set func(*DeserializerOptions)) *Deserializer {
	t.Helper()
	o := NewDeserializerOptions()
	set(o)
	var p connectors.Problems
	o.Validate(&p)
	require.Empty(t, p.List)
	d, err := NewDeserializer(t.Context(), connectors.FunctionContext{}, o)
	require.NoError(t, err)
	return d
}

func newSerializer(t testing.TB, set func(*SerializerOptions)) *Serializer {
	t.Helper()
	o := NewSerializerOptions()
	set(o)
	var p connectors.Problems
	o.Validate(&p)
	require.Empty(t, p.List)
	s, err := NewSerializer(t.Context(), connectors.FunctionContext{}, o)
	require.NoError(t, err)
	return s
}

// deserialized returns what one value becomes.
func deserialized(t testing.TB, d connectors.Deserializer, value []byte) (json, fault string) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = value
	require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
	return result(t, &out, &faults)
}

func serialized(t testing.TB, s connectors.Serializer, json string) (binary, fault string) {
	t.Helper()
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(json)
	require.NoError(t, s.Serialize(t.Context(), &in, &out, &faults))
	return result(t, &out, &faults)
}

func result(t testing.TB, out *connectors.Batch, faults *connectors.Faults) (value, fault string) {
	t.Helper()
	if len(faults.List) == 1 {
		require.Zero(t, out.Len())
		return "", faults.List[0].Text
	}
	require.Equal(t, 1, out.Len())
	return string(out.Records[0].Value), ""
}

// TestGolden keeps the JSON form of every type, and the bytes that come back from it.
func TestGolden(t *testing.T) {
	file := filepath.Join("testdata", "everything.avsc")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	value := map[string]any{
		"null": nil, "boolean": true, "int": int32(-7), "long": int64(math.MaxInt64),
		"float": float32(0.1), "double": math.Inf(-1), "bytes": []byte{0, 0xff, 'a'},
		"string": "a \"text\"\n\u00e9", "fixed": []byte("abc"), "enum": "HEARTS",
		"array": []any{int32(1), int32(-2)}, "map": map[string]any{"k": int64(1)}, "union": int64(5),
		"record": map[string]any{
			"value": int32(1), "next": map[string]any{"value": int32(2), "next": nil},
		},
		"date": int32(-1), "time_millis": int32(86399999), "time_micros": int64(1),
		"millis": int64(-1), "micros": int64(1574380800000001), "nanos": int64(math.MinInt64),
		"local": int64(math.MaxInt64), "decimal": []byte{0xcf, 0xc7}, "money": make([]byte, 8),
		"uuid": []byte("0123456789abcdef"), "uuid_text": "6f1c0d8e-0000-4000-8000-000000000001",
		"duration": []byte{1, 0, 0, 0, 2, 0, 0, 0, 0xdc, 5, 0, 0},
	}
	binary, err := avro.MustParse(string(text)).Encode(value)
	require.NoError(t, err)
	for _, unions := range []string{unionsPlain, unionsTagged} {
		t.Run(unions, func(t *testing.T) {
			d := newDeserializer(t, func(o *DeserializerOptions) {
				o.Schema, o.Unions = string(text), unions
			})
			json, fault := deserialized(t, d, binary)
			require.Empty(t, fault)
			golden := filepath.Join("testdata", "everything-"+unions+".json")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(json+"\n"), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, strings.TrimSpace(string(want)), json)
			s := newSerializer(t, func(o *SerializerOptions) {
				o.Schema, o.Unions = string(text), unions
			})
			back, fault := serialized(t, s, json)
			require.Empty(t, fault)
			require.Equal(t, string(binary), back)
		})
	}
}

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		writer, reader, in, want, wrong string
	}{
		"field added with a default": {
			`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`,
			`{"type":"record","name":"R","fields":[{"name":"b","type":{"type":"array","items":"string"}` +
				`,"default":["x"]},{"name":"a","type":"long"}]}`,
			"\x0e", `{"a":7,"b":["x"]}`, "",
		},
		"fields left out": {
			`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":["null","b` +
				`ytes"]}},{"name":"b","type":"string"},{"name":"c","type":{"type":"fixed","nam` +
				`e":"F","size":2}}]}`,
			`{"type":"record","name":"R","fields":[{"name":"b","type":"string"}]}`,
			"\x02\x02k\x02\x02x\x00\x02yzz", `{"b":"y"}`, "",
		},
		"alias": {
			`{"type":"record","name":"Old","fields":[{"name":"a","type":"int"}]}`,
			`{"type":"record","name":"New","aliases":["Old"],"fields":[{"name":"b","type":"double","ali` +
				`ases":["a"]}]}`,
			"\x02", `{"b":1}`, "",
		},
		"value becomes a union":    {`"int"`, `["null","long"]`, "\x03", `-2`, ""},
		"union becomes a value":    {`["null","int"]`, `"long"`, "\x02\x04", `2`, ""},
		"branch that nobody takes": {`["null","int"]`, `"long"`, "\x00", "", "null cannot become long"},
		"string becomes bytes":     {`"string"`, `"bytes"`, "\x02a", `"YQ=="`, ""},
		"bytes become a string":    {`"bytes"`, `"string"`, "\x02a", `"a"`, ""},
		"symbol becomes the default": {
			`{"type":"enum","name":"E","symbols":["A","B"]}`,
			`{"type":"enum","name":"E","symbols":["C"],"default":"C"}`, "\x02", `"C"`, "",
		},
		"recursive": {
			`{"type":"record","name":"R","fields":[{"name":"v","type":"int"},{"name":"n","type":["null"` +
				`,"R"]}]}`,
			`{"type":"record","name":"R","fields":[{"name":"n","type":["null","R"]},{"name":"v","type":` +
				`"long"}]}`,
			"\x02\x02\x04\x00", `{"v":1,"n":{"v":2,"n":null}}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeserializer(t, func(o *DeserializerOptions) {
				o.Schema, o.ReaderSchema = c.writer, c.reader
			})
			json, fault := deserialized(t, d, []byte(c.in))
			require.Equal(t, c.want, json)
			if c.wrong != "" {
				require.Contains(t, fault, c.wrong)
				return
			}
			require.Empty(t, fault)
		})
	}
}

// TestNamesInNamespaces has a short name that means the type of its own namespace, though another
// has it without one.
func TestNamesInNamespaces(t *testing.T) {
	d := newDeserializer(t, func(o *DeserializerOptions) {
		o.Schema = `{"type":"record","name":"R","fields":[` +
			`{"name":"a","type":{"type":"fixed","name":"F","size":1}},` +
			`{"name":"b","type":{"type":"record","name":"x.S","fields":[` +
			`{"name":"c","type":{"type":"fixed","name":"F","size":2}},{"name":"d","type":"F"}]}},` +
			`{"name":"e","type":"F"},{"name":"g","type":"x.F"}]}`
	})
	json, fault := deserialized(t, d, []byte("1223345"+"5"))
	require.Empty(t, fault)
	require.Equal(t, `{"a":"MQ==","b":{"c":"MjI=","d":"MzM="},"e":"NA==","g":"NTU="}`, json)
}

func TestIncompatibleReader(t *testing.T) {
	o := NewDeserializerOptions()
	o.Schema, o.ReaderSchema = `"string"`, `"int"`
	var p connectors.Problems
	o.CheckFiles(t.Context(), connectors.Env{}, &p)
	require.Len(t, p.List, 1)
	require.Equal(t, "reader_schema", p.List[0].Key)
	_, err := NewDeserializer(t.Context(), connectors.FunctionContext{}, o)
	require.ErrorContains(t, err, "resolving the writer's schema to the reader's")
	require.Equal(t, connectors.Fatal, connectors.Classify(err))
}

func TestDamaged(t *testing.T) {
	const list = `{"type":"record","name":"L","fields":[{"name":"next","type":["null","L"]}]}`
	for name, c := range map[string]struct{ schema, in, want string }{
		"empty":            {`"int"`, "", "the value ends too early"},
		"rest":             {`"int"`, "\x02x", "1 bytes follow the value"},
		"too large an int": {`"int"`, "\x80\x80\x80\x80\x20", "4294967296 is no int"},
		"no boolean":       {`"boolean"`, "\x02", "byte 2 is no boolean"},
		"negative length":  {`"bytes"`, "\x01", "the value ends too early"},
		"long length": {`"string"`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
			"the value ends too early"},
		"no text":   {`"string"`, "\x02\xff", "its text is not UTF-8"},
		"no branch": {`["null","int"]`, "\x04", "branch 2 of a union of 2"},
		"no symbol": {`{"type":"enum","name":"E","symbols":["A"]}`, "\x02",
			"symbol 1 of an enum of 1"},
		"endless array": {`{"type":"array","items":"null"}`,
			"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "its JSON is larger than 64 MiB"},
		"least block": {`{"type":"array","items":"int"}`,
			"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "the value ends too early"},
		"too deep": {list, strings.Repeat("\x02", 400), "it is nested too deeply"},
		"place": {`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"arra` +
			`y","items":{"type":"map","values":"string"}}}]}`, "\x02\x02\x02k\x02\xff",
			"at a[0].k: its text is not UTF-8"},
		"no time of a day": {`{"type":"int","logicalType":"time-millis"}`, "\x01",
			"-1 is no time of a day"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = c.schema })
			_, fault := deserialized(t, d, []byte(c.in))
			require.True(t, strings.HasPrefix(fault, "the value is no Avro of its schema: "), fault)
			require.True(t, strings.HasSuffix(fault, ": "+c.want), fault)
		})
	}
}

func TestSkipsEndlessArray(t *testing.T) {
	d := newDeserializer(t, func(o *DeserializerOptions) {
		o.Schema = `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items"` +
			`:"null"}}]}`
		o.ReaderSchema = `{"type":"record","name":"R","fields":[]}`
	})
	_, fault := deserialized(t, d, []byte("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	require.Contains(t, fault, "at a: its JSON is larger than")
}

func TestSerialize(t *testing.T) {
	const record = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","` +
		`type":["null","string"]},{"name":"c","type":"long","default":3}]}`
	const two = `["null",{"type":"record","name":"A","fields":[{"name":"a","type":"int"}]},{"type` +
		`":"record","name":"B","fields":[{"name":"a","type":"int"},{"name":"b","type":` +
		`"int"}]}]`
	for name, c := range map[string]struct{ schema, in, want, fault string }{
		"defaults": {record, `{"a":1}`, "\x02\x00\x06", ""},
		"missing":  {record, `{"b":null}`, "", "at a: it is missing and has no default"},
		"unknown": {record, `{"a":1,"z":2}`, "",
			`at z: record R has no such field, or it stands there twice; set unknown_fields = "drop" to` +
				` leave it out`},
		"twice": {record, `{"a":1,"a":2}`, "",
			`at a: record R has no such field, or it stands there twice; set unknown_fields = "drop" to` +
				` leave it out`},
		"no object":     {record, `[1]`, "", "want an object for record R, not the array [1]"},
		"second record": {two, `{"a":1,"b":2}`, "\x04\x02\x04", ""},
		"no branch": {two, `{"c":1}`, "",
			`want a value of one branch of the union, not the object {"c":1}`},
		"fraction": {`"int"`, `1.5`, "", "want an integer for int, not the number 1.5"},
		"int too large": {`"int"`, `2147483648`, "",
			"want an int of 32 bits, not the number 2147483648"},
		"long too large": {`"long"`, `9223372036854775808`, "",
			"want an integer for long, not the number 9223372036854775808"},
		"least long": {`"long"`, `-9223372036854775808`,
			"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", ""},
		"infinite": {`"double"`, `1e999`, "",
			"want a number in the range of double, not the number 1e999"},
		"float too large": {`"float"`, `1e39`, "",
			"want a number in the range of float, not the number 1e39"},
		"digits": {`"double"`, `0.1000000000000000055511151231257827`,
			"\x9a\x99\x99\x99\x99\x99\xb9?", ""},
		"no base64": {`"bytes"`, `"?"`, "", `want Base64 for bytes, not the string "?"`},
		"fixed": {`{"type":"fixed","name":"F","size":2}`, `"YQ=="`, "",
			`want 2 bytes for F, not the string "YQ=="`},
		"symbol": {`{"type":"enum","name":"E","symbols":["A"]}`, `"B"`, "",
			`want a symbol of enum E, not the string "B"`},
		"date": {`{"type":"int","logicalType":"date"}`, `"2019-02-29"`, "",
			`want a date such as "2019-12-31", not the string "2019-02-29": it has another form`},
		"date as a number": {`{"type":"int","logicalType":"date"}`, `1`, "\x02", ""},
		"zone": {`{"type":"long","logicalType":"timestamp-millis"}`,
			`"1970-01-01T01:00:00.001+01:00"`, "\x02", ""},
		"digits lost": {`{"type":"long","logicalType":"timestamp-millis"}`,
			`"1970-01-01T00:00:00.0001Z"`, "",
			`want a timestamp such as "2019-12-31T23:59:59Z", not the string "1970-01-01T00:00:00.0001Z` +
				`": it has another form`},
		"decimal": {`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `-1.5`,
			"\x04\xff\x6a", ""},
		"decimal as text": {`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`,
			`"1.28"`, "\x04\x00\x80", ""},
		"decimal digits": {`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`,
			`100.00`, "", `"100.00" has more digits than the schema's 4`},
		"decimal fraction": {`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `1.001`,
			"", `"1.001" has more digits after the point than the schema's 2`},
		"exponent": {`{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}`, `1e2`,
			"", `want a decimal without an exponent, not "1e2"`},
		"null":    {`["int","null"]`, `null`, "\x02", ""},
		"no null": {`"int"`, `null`, "", "want an integer for int, not the null null"},
		"no JSON": {`"int"`, `{`, "", "no JSON at byte 1: want a member name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSerializer(t, func(o *SerializerOptions) { o.Schema = c.schema })
			binary, fault := serialized(t, s, c.in)
			require.Equal(t, c.want, binary)
			if c.fault != "" && name != "no JSON" {
				c.fault = "the value does not fit its Avro schema: " + c.fault
			}
			require.Equal(t, c.fault, fault)
		})
	}
}

func TestUnknownFieldsDropped(t *testing.T) {
	s := newSerializer(t, func(o *SerializerOptions) {
		o.Schema = `{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`
		o.UnknownFields = unknownDrop
	})
	binary, fault := serialized(t, s, `{"z":2,"a":1}`)
	require.Empty(t, fault)
	require.Equal(t, "\x02", binary)
}

// TestUnionsDoNotMultiply gives a value that nests unions of records in which each level fits only
// at the end: without a bound this takes 2^60 trials.
func TestUnionsDoNotMultiply(t *testing.T) {
	s := newSerializer(t, func(o *SerializerOptions) {
		o.Schema = `[{"type":"record","name":"A","fields":[{"name":"n","type":["int",{"type":"record` +
			`","name":"B","fields":[{"name":"n","type":["int","A","B"]}]},"A"]}]},"B"]`
	})
	_, fault := serialized(t, s, strings.Repeat(`{"n":`, 60)+`"x"`+strings.Repeat("}", 60))
	require.Contains(t, fault, "its unions leave too many ways to read it")
}

// TestTombstonePasses has what crashes Flink's SimpleStringSchema: a null value is a value of
// its own.
func TestTombstonePasses(t *testing.T) {
	var in connectors.Batch
	in.Append().Key = []byte("k")
	d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = `"int"` })
	s := newSerializer(t, func(o *SerializerOptions) { o.Schema = `"int"` })
	for name, f := range map[string]func(out *connectors.Batch, faults *connectors.Faults) error{
		"deserializer": func(out *connectors.Batch, faults *connectors.Faults) error {
			return d.Deserialize(t.Context(), &in, out, faults)
		},
		"serializer": func(out *connectors.Batch, faults *connectors.Faults) error {
			return s.Serialize(t.Context(), &in, out, faults)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out connectors.Batch
			var faults connectors.Faults
			require.NoError(t, f(&out, &faults))
			require.Empty(t, faults.List)
			require.Equal(t, in.Records, out.Records)
		})
	}
}

const orderSchema = `{"type":"record","name":"Order","namespace":"shop","fields":[
 {"name":"id","type":"long"},{"name":"customer","type":"string"},
 {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
 {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}},
 {"name":"note","type":["null","string"],"default":null},
 {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
  {"name":"sku","type":"string"},{"name":"count","type":"int"}]}}}]}`

const orderJSON = `{"id":4711,"customer":"alice","at":"2026-11-22T12:00:00.000Z","total":12.50,` +
	`"note":null,"items":[{"sku":"a-1","count":2},{"sku":"b-2","count":1}]}`

func TestNoAllocations(t *testing.T) {
	d := newDeserializer(t, func(o *DeserializerOptions) { o.Schema = orderSchema })
	s := newSerializer(t, func(o *SerializerOptions) { o.Schema = orderSchema })
	binary, fault := serialized(t, s, orderJSON)
	require.Empty(t, fault)
	json, fault := deserialized(t, d, []byte(binary))
	require.Empty(t, fault)
	require.Equal(t, orderJSON, json)
	var in, out connectors.Batch
	var faults connectors.Faults
	for range 100 {
		in.Append().Value = []byte(binary)
	}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		out.Reset()
		require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
	}))
}

func BenchmarkOrder(b *testing.B) {
	d := newDeserializer(b, func(o *DeserializerOptions) { o.Schema = orderSchema })
	s := newSerializer(b, func(o *SerializerOptions) { o.Schema = orderSchema })
	binary, _ := serialized(b, s, orderJSON)
	library := avro.MustParse(orderSchema)
	b.Run("deserialize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := d.decode(b.Context(), []byte(binary)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("deserialize with the library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var v any
			if _, err := library.Decode([]byte(binary), &v); err != nil {
				b.Fatal(err)
			}
			if _, err := library.EncodeJSON(v); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("serialize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			to, _, _ := s.writer.Begin(b.Context(), nil, "")
			s.e.out = s.e.out[:0]
			if err := s.e.json(&s.parser, to, []byte(orderJSON)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
