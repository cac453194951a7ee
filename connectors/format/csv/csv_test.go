package csv_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/csv"
)

func ptr(s string) *string { return &s }

// read returns what becomes of a value, or the fault.
func read(t *testing.T, o *csv.DeserializerOptions, value string) (rows []string, fault string) {
	t.Helper()
	var p connectors.Problems
	o.Validate(&p)
	require.Empty(t, p.List)
	d, err := csv.NewDeserializer(o)
	require.NoError(t, err)
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
	for _, r := range out.Records {
		require.True(t, json.Valid(r.Value), "%s", r.Value)
		rows = append(rows, string(r.Value))
	}
	if len(faults.List) > 0 {
		require.Empty(t, rows, "all of a record or nothing")
		return nil, faults.List[0].Text
	}
	return rows, ""
}

func readOptions(change func(*csv.DeserializerOptions),
	columns ...string) *csv.DeserializerOptions {
	o := csv.NewDeserializerOptions()
	o.Columns = columns
	if change != nil {
		change(o)
	}
	return o
}

func TestRead(t *testing.T) {
	escape := func(o *csv.DeserializerOptions) { o.Escape = `\` }
	noQuote := func(o *csv.DeserializerOptions) { o.Quote = "" }
	comments := func(o *csv.DeserializerOptions) { o.Comments = true }
	null := func(o *csv.DeserializerOptions) { o.NullLiteral = ptr("NULL") }
	ignore := func(o *csv.DeserializerOptions) { o.IgnoreParseErrors = true }
	for _, c := range []struct {
		name    string
		change  func(*csv.DeserializerOptions)
		columns []string
		in      string
		want    []string
		fault   string
	}{
		{"without columns", nil, nil, "a,b c,", []string{`["a","b c",""]`}, ""},
		{"line ends", nil, nil, "a\nb\r\nc\rd", []string{`["a"]`, `["b"]`, `["c"]`, `["d"]`}, ""},
		{"the last line end makes no row", nil, nil, "a\r\n", []string{`["a"]`}, ""},
		{"an empty value is a row", nil, nil, "", []string{`[""]`}, ""},
		{"quotes", nil, nil, `"a,b","c""d","",e"f`, []string{`["a,b","c\"d","","e\"f"]`}, ""},
		{"line end in quotes", nil, nil, "\"a\nb\",c", []string{`["a\nb","c"]`}, ""},
		{"quotes off", noQuote, nil, `"a,b"`, []string{`["\"a","b\""]`}, ""},
		{"escapes", escape, nil, `a\,b,\\,"c\"d"`, []string{`["a,b","\\","c\"d"]`}, ""},
		{"an escaped line end", escape, nil, "a\\\nb", []string{`["a\nb"]`}, ""},
		{"open quote", nil, nil, `a,"b`, nil, "a quote is not closed"},
		{"text behind a quote", nil, nil, `"a"b`, nil, "text follows a closing quote"},
		{"escape at the end", escape, nil, `a\`, nil, "nothing follows the last escape character"},
		{"escape at the end of quotes", escape, nil, `"a\`, nil,
			"nothing follows the last escape character"},
		{"null literal", null, nil, `NULL,"NULL",null`, []string{`[null,"NULL","null"]`}, ""},
		{"comments", comments, nil, "#a,b\nc\r\n#d\re\n#f", []string{`["c"]`, `["e"]`}, ""},
		{"comments off", nil, nil, "#a", []string{`["#a"]`}, ""},
		{"objects", nil, []string{"id long", "name"}, "1,a\n2,b",
			[]string{`{"id":1,"name":"a"}`, `{"id":2,"name":"b"}`}, ""},
		{"names are escaped", nil, []string{`a"b`}, "x", []string{`{"a\"b":"x"}`}, ""},
		{"too few", nil, []string{"a", "b"}, "1", nil, "the row has 1 fields, not 2"},
		{"too many", nil, []string{"a"}, "1,2,3", nil,
			"the row has more fields than there are columns: 3, not 1"},
		{"one bad row of several", nil, []string{"a int"}, "1\nx\n3", nil, `field 1 (a): "x" is no int`},
		{"one bad row of several, ignored", ignore, []string{"a int"}, "1\nx\n3,4\n5",
			[]string{`{"a":1}`, `{"a":null}`, `{"a":5}`}, ""},
		{"array", nil, []string{"a array<int>"}, "1; 2 ;3", []string{`{"a":[1,2,3]}`}, ""},
		{"empty array", nil, []string{"a array<int>", "b"}, ",x", []string{`{"a":[],"b":"x"}`}, ""},
		{"bad element", nil, []string{"a array<int>"}, "1;x", nil,
			`field 1 (a): element 2: "x" is no int`},
		{"row inside", nil, []string{"p row<x int, y string>"}, "1;b", []string{`{"p":{"x":1,"y":"b"}}`},
			""},
		{"row inside, too few", nil, []string{"p row<x int, y string>"}, "1", nil,
			"field 1 (p): the row inside has 1 fields, not 2"},
		{"row inside, bad field", nil, []string{"p row<x int, y string>"}, "a;b", nil,
			`field 1 (p): field 1 (x) inside: "a" is no int`},
		{"a long misfit is cut", nil, []string{"a int"}, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxyyyy",
			nil,
			`field 1 (a): "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"... is no int`},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, fault := read(t, readOptions(c.change, c.columns...), c.in)
			require.Equal(t, c.fault, fault)
			require.Equal(t, c.want, rows)
		})
	}
}

func TestTypes(t *testing.T) {
	for typ, cases := range map[string]map[string]string{
		"boolean": {"true": "true", " FALSE ": "false", "1": "", "": ""},
		"byte":    {"-128": "-128", "127": "127", "128": "", "x": ""},
		"short":   {"32767": "32767", "32768": ""},
		"int":     {"+7": "7", "2147483647": "2147483647", "2147483648": "", "1.0": ""},
		"long":    {"-9223372036854775808": "-9223372036854775808", "9223372036854775808": ""},
		"float":   {"0.33333334": "0.33333334", "1e39": "", "NaN": "", "1e10": "1e+10"},
		"double":  {"1e308": "1e+308", "1e309": "", "-Infinity": "", ".5": "0.5", "": ""},
		"decimal": {"+1234.50": "1234.50", "007": "7", ".5": "0.5", "5.": "5", "-0": "-0",
			"1e5": "1e5", "1E-5": "1E-5", "1e": "", "e5": "", ".": "", "1.2.3": "", "1x": "", "00": "0"},
		"bigint": {"123400000000000000000000000000": "123400000000000000000000000000", "-007": "-7",
			"1.0": "", "-": ""},
		"date": {"2018-10-12": `"2018-10-12"`, "2018-13-12": "", "12:12:12": ""},
		"time": {"12:12:12": `"12:12:12"`, "25:00:00": ""},
		"timestamp": {"2018-10-12 12:12:12.0": `"2018-10-12 12:12:12.0"`,
			"2018-10-12 12:12:12": `"2018-10-12 12:12:12"`, "2018-10-12": ""},
		"bytes":  {"awML": `"awML"`, "aw": "", "": `""`},
		"null":   {"anything": "null"},
		"string": {" x ": `" x "`},
	} {
		for text, want := range cases {
			rows, fault := read(t, readOptions(nil, "a "+typ), text)
			if want == "" {
				require.Contains(t, fault, "is no "+typ, text)
				ignore := func(o *csv.DeserializerOptions) { o.IgnoreParseErrors = true }
				rows, fault = read(t, readOptions(ignore, "a "+typ), text)
				require.Empty(t, fault)
				want = "null"
			}
			require.Empty(t, fault)
			require.Equal(t, []string{`{"a":` + want + `}`}, rows, "%s %q", typ, text)
		}
	}
}

func TestRowsOfOneValueHaveNamesOfTheirOwn(t *testing.T) {
	d, err := csv.NewDeserializer(csv.NewDeserializerOptions())
	require.NoError(t, err)
	var in, out connectors.Batch
	*in.Append() = connectors.Record{Value: []byte("a\nb\nc"), Ordinal: 5,
		Position: connectors.Position{Lo: 9}}
	require.NoError(t, d.Deserialize(t.Context(), &in, &out, &connectors.Faults{}))
	seed := abi.FunctionSeed("csv")
	require.Equal(t, 3, out.Len())
	for i, want := range []uint64{5, abi.Ordinal(5, seed, 1), abi.Ordinal(5, seed, 2)} {
		require.Equal(t, want, out.Records[i].Ordinal)
		require.Equal(t, uint64(9), out.Records[i].Position.Lo)
	}
}

// writeRow returns the row of a value, or the fault.
func writeRow(t *testing.T, o *csv.SerializerOptions, value string) (row, fault string) {
	t.Helper()
	var p connectors.Problems
	o.Validate(&p)
	require.Empty(t, p.List)
	s, err := csv.NewSerializer(o)
	require.NoError(t, err)
	var in, out connectors.Batch
	var faults connectors.Faults
	in.Append().Value = []byte(value)
	require.NoError(t, s.Serialize(t.Context(), &in, &out, &faults))
	if len(faults.List) > 0 {
		require.Zero(t, out.Len())
		return "", faults.List[0].Text
	}
	return string(out.Records[0].Value), ""
}

func TestWrite(t *testing.T) {
	noQuote := func(o *csv.SerializerOptions) { o.Quote = "" }
	escapes := func(o *csv.SerializerOptions) { o.Quote, o.Escape = "", `\` }
	null := func(o *csv.SerializerOptions) { o.NullLiteral = ptr("null") }
	for _, c := range []struct {
		name    string
		change  func(*csv.SerializerOptions)
		columns []string
		in      string
		want    string
		fault   string
	}{
		{"array without columns", nil, nil, `["a",1,true,null,{"b":[1]}]`, `a,1,true,,"{""b"":[1]}"`, ""},
		{"object without columns", nil, nil, `{"x":"a","y":1}`, `a,1`, ""},
		{"object by columns", nil, []string{"y int", "x", "z"}, `{"x":"a","y":1,"more":2}`, `1,a,`, ""},
		{"array by columns", nil, []string{"y int", "x"}, `[1,"a"]`, `1,a`, ""},
		{"array of another length", nil, []string{"y int"}, `[1,"a"]`, "",
			"the array has 2 elements, not 1"},
		{"quotes", nil, nil, `["a,b","c\"d","e\nf","a b"]`, "\"a,b\",\"c\"\"d\",\"e\nf\",\"a b\"", ""},
		{"a long text is quoted", nil, nil, `["xxxxxxxxxxxxxxxxxxxxxxxx","xxxxxxxxxxxxxxxxxxxxxxxxx"]`,
			`xxxxxxxxxxxxxxxxxxxxxxxx,"xxxxxxxxxxxxxxxxxxxxxxxxx"`, ""},
		{"the null literal as text", null, nil, `["null",null]`, `"null",null`, ""},
		{"no quotes, nothing to quote", noQuote, nil, `["a b","\""]`, `a b,"`, ""},
		{"no quotes, no way", noQuote, nil, `["a,b"]`, "",
			`field 1: "a,b" cannot be written without quotes or an escape`},
		{"no quotes, but escapes", escapes, nil, `["a,b\\"]`, `a\,b\\`, ""},
		{"no JSON", nil, nil, `{`, "", "no JSON at byte 1: want a member name"},
		{"no row", nil, nil, `"a"`, "", "the value is neither a JSON object nor an array"},
		{"misfit", nil, []string{"a int"}, `{"a":"x"}`, "", `field 1 (a): "x" is no int`},
		{"text of digits is no int", nil, []string{"a int"}, `{"a":"1"}`, "",
			`field 1 (a): "1" is no int`},
		{"number of a text column", nil, []string{"a"}, `{"a":1.50}`, `1.50`, ""},
		{"array", nil, []string{"a array<int>"}, `{"a":[1,null,3]}`, `1;;3`, ""},
		{"no array", nil, []string{"a array<int>"}, `{"a":1}`, "",
			"field 1 (a): a JSON number is no array"},
		{"no row inside", nil, []string{"a row<b>"}, `{"a":1}`, "",
			"field 1 (a): a JSON number is no row"},
		{"element with a delimiter", nil, []string{"a array<string>"}, `{"a":["x;y"]}`, "",
			`field 1 (a): element 1: "x;y" holds the delimiter of elements`},
		{"element that reads as null", null, []string{"a array<string>"}, `{"a":["null"]}`, "",
			`field 1 (a): element 1: "null" would be read as null`},
		{"one empty element", nil, []string{"a array<string>"}, `{"a":[""]}`, "",
			"field 1 (a): an array of one empty element would be read as an empty array"},
		{"row inside", nil, []string{"p row<x int, y string>"}, `{"p":{"y":"b","x":1}}`, `1;b`, ""},
		{"row inside, misfit", nil, []string{"p row<x int>"}, `{"p":{"x":"b"}}`, "",
			`field 1 (p): field 1 (x) inside: "b" is no int`},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := csv.NewSerializerOptions()
			o.Columns = c.columns
			if c.change != nil {
				c.change(o)
			}
			row, fault := writeRow(t, o, c.in)
			require.Equal(t, c.fault, fault)
			require.Equal(t, c.want, row)
		})
	}
}

func TestRefusedOptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*csv.SerializerOptions)
		key    string
		text   string
	}{
		{"delimiter", func(o *csv.SerializerOptions) { o.FieldDelimiter = "ab" }, "field_delimiter",
			"not one ASCII"},
		{"no delimiter", func(o *csv.SerializerOptions) { o.FieldDelimiter = "" }, "field_delimiter",
			"not one ASCII"},
		{"line end as delimiter", func(o *csv.SerializerOptions) { o.FieldDelimiter = "\n" },
			"field_delimiter", "not one ASCII"},
		{"element delimiter", func(o *csv.SerializerOptions) { o.ArrayElementDelimiter = "" },
			"array_element_delimiter", "empty"},
		{"quote", func(o *csv.SerializerOptions) { o.Quote = "\u00e9" }, "quote", "not one ASCII"},
		{"escape", func(o *csv.SerializerOptions) { o.Escape = "ab" }, "escape", "not one ASCII"},
		{"same characters", func(o *csv.SerializerOptions) { o.Escape = `"` }, "field_delimiter",
			"different characters"},
		{"line end", func(o *csv.SerializerOptions) { o.LineDelimiter = "|" }, "line_delimiter",
			"none of"},
		{"type", func(o *csv.SerializerOptions) { o.Columns = []string{"a number"} }, "columns",
			`column a: there is no type "number"; there are string`},
		{"nested type", func(o *csv.SerializerOptions) { o.Columns = []string{"a list<int>"} },
			"columns", "there is no type list<>"},
		{"open type", func(o *csv.SerializerOptions) { o.Columns = []string{"a array<int"} }, "columns",
			"does not end with >"},
		{"bare array", func(o *csv.SerializerOptions) { o.Columns = []string{"a array"} }, "columns",
			`no type "array"`},
		{"array in array", func(o *csv.SerializerOptions) {
			o.Columns = []string{"a array<array<int>>"}
		}, "columns", "one level is all"},
		{"no name", func(o *csv.SerializerOptions) { o.Columns = []string{" "} }, "columns",
			"without a name"},
		{"twice", func(o *csv.SerializerOptions) { o.Columns = []string{"a", "a int"} }, "columns",
			"stands twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := csv.NewSerializerOptions()
			c.change(o)
			var p connectors.Problems
			o.Validate(&p)
			require.Len(t, p.List, 1)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.text)
		})
	}
}

// FuzzTexts writes texts and reads them back (V1).
func FuzzTexts(f *testing.F) {
	f.Add("a", "b,c\"d", "x\ny", uint8(0))
	f.Add("", "NULL", "\r", uint8(1))
	f.Add("*", "'", ";,\"", uint8(2))
	f.Fuzz(func(t *testing.T, a, b, c string, dialect uint8) {
		value, err := json.Marshal([]string{a, b, c})
		require.NoError(t, err)
		w, r := csv.NewSerializerOptions(), csv.NewDeserializerOptions()
		switch dialect % 3 {
		case 1:
			w.NullLiteral, r.NullLiteral = ptr("NULL"), ptr("NULL")
		case 2:
			w.FieldDelimiter, w.Quote, w.Escape = ";", "'", "*"
			r.FieldDelimiter, r.Quote, r.Escape = ";", "'", "*"
		}
		row, fault := writeRow(t, w, string(value))
		require.Empty(t, fault)
		rows, fault := read(t, r, row)
		require.Empty(t, fault)
		require.Len(t, rows, 1, "%q", row)
		require.JSONEq(t, string(value), rows[0], "%q", row)
	})
}

// FuzzRead feeds anything to the reader: what comes out is JSON, or a fault.
func FuzzRead(f *testing.F) {
	f.Add("1,a,1;2,2018-10-12\n#x", true)
	f.Add("\"a\"\"b\",\\", false)
	f.Fuzz(func(t *testing.T, value string, on bool) {
		o := readOptions(func(o *csv.DeserializerOptions) {
			o.Comments, o.IgnoreParseErrors, o.Escape = on, on, `\`
			o.NullLiteral = ptr("null")
		}, "a int", "b", "c array<decimal>", "d date", "e bytes", "f row<g double, h boolean>")
		if _, fault := read(t, o, value); fault != "" && on {
			require.NotContains(t, fault, "is no ", "a misfit is ignored")
		}
	})
}

// TestNothingAllocates holds V3.
func TestNothingAllocates(t *testing.T) {
	columns := []string{"a int", "b", "c array<double>", "d timestamp", "e bytes", "f decimal"}
	r, w := csv.NewDeserializerOptions(), csv.NewSerializerOptions()
	r.Columns, w.Columns = columns, columns
	d, err := csv.NewDeserializer(r)
	require.NoError(t, err)
	s, err := csv.NewSerializer(w)
	require.NoError(t, err)
	var raw, rows, again connectors.Batch
	var faults connectors.Faults
	for range 100 {
		raw.Append().Value = []byte(`12,"a, b",1.5;2,2018-10-12 12:12:12,awML,0012.50`)
	}
	require.Zero(t, testing.AllocsPerRun(20, func() {
		rows.Reset()
		again.Reset()
		if err := d.Deserialize(t.Context(), &raw, &rows, &faults); err != nil {
			t.Fatal(err)
		}
		if err := s.Serialize(t.Context(), &rows, &again, &faults); err != nil {
			t.Fatal(err)
		}
	}))
	require.Empty(t, faults.List)
	require.Equal(t, `12,"a, b",1.5;2,"2018-10-12 12:12:12",awML,12.50`,
		string(again.Records[99].Value))
}
