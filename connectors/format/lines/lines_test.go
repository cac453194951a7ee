package lines

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
)

func options(change ...func(*Options)) Options {
	o := Defaults()
	for _, f := range change {
		f(&o)
	}
	return o
}

func asCSV(o *Options)      { o.Format = CSV }
func asJSON(o *Options)     { o.Format = JSON }
func emptyNulls(o *Options) { o.Nulls = NullsEmpty }

func encode(t *testing.T, o Options, value string) (string, error) {
	t.Helper()
	e, err := New(o)
	require.NoError(t, err)
	out, err := e.Append([]byte("before|"), &connectors.Record{Value: []byte(value)})
	rest, ok := strings.CutPrefix(string(out), "before|")
	require.True(t, ok)
	if err != nil {
		require.Empty(t, rest, "N1: part of a refused record was appended")
	}
	return rest, err
}

func TestText(t *testing.T) {
	for _, value := range []string{"", "a", "a\nb", "\xff\x00"} {
		got, err := encode(t, options(), value)
		require.NoError(t, err)
		require.Equal(t, value+"\n", got)
	}
	e, err := New(options())
	require.NoError(t, err)
	_, err = e.Append(nil, &connectors.Record{})
	require.ErrorIs(t, err, ErrNull)
}

func TestJSON(t *testing.T) {
	tests := []struct{ value, want, err string }{
		{value: `{"a":1}`, want: `{"a":1}`},
		{value: ` [1, 2] `, want: ` [1, 2] `},
		{value: "{\n  \"a\": \"x\\ny\",\r\n  \"b\": [1,\n2]\n}", want: `{"a":"x\ny","b":[1,2]}`},
		{value: `null`, want: `null`},
		{value: ``, err: "the value is no JSON"},
		{value: `{"a":`, err: "the value is no JSON"},
		{value: `{} {}`, err: "the value is no JSON"},
		{value: "\"\xff\"", err: "it is not all UTF-8"},
		{value: strings.Repeat("[", 4<<20), err: "it is nested too deeply"},
		{value: strings.Repeat(`{"a":`, 1<<20), err: "it is nested too deeply"},
	}
	for _, tt := range tests {
		got, err := encode(t, options(asJSON), tt.value)
		if tt.err != "" {
			require.ErrorContains(t, err, tt.err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, tt.want+"\n", got)
	}
}

func TestCSV(t *testing.T) {
	columns := func(o *Options) { o.Columns = []string{"name", "n", "tags"} }
	quote := func(mode string) func(*Options) { return func(o *Options) { o.Quote = mode } }
	semicolon := func(o *Options) { o.FieldDelimiter, o.Delimiter = "; ", "|\r\n" }
	tests := []struct {
		name    string
		options []func(*Options)
		value   string
		want    string
		err     string
	}{
		{"plain", nil, `["One","Two",8,-1.50e3,true]`, "One,Two,8,-1.50e3,true\n", ""},
		{"empty row", nil, `[]`, "\n", ""},
		{"quotes where needed", nil, `["a,b","say \"hi\"","x\ny",""]`,
			"\"a,b\",\"say \"\"hi\"\"\",\"x\ny\",\n", ""},
		{"all text quoted", []func(*Options){quote(QuoteStrings)}, `["a",1,"",null]`,
			"", "field 3: it is null"},
		{"all text quoted, nulls empty", []func(*Options){quote(QuoteStrings), emptyNulls},
			`["a",1,"",null]`, "\"a\",1,\"\",\n", ""},
		{"never quoted", []func(*Options){quote(QuoteNever)}, `["a,b","\""]`, "a,b,\"\n", ""},
		{"null refused", nil, `["One",null,8]`, "", `field 1: it is null; write nulls = "empty"`},
		{"null empty", []func(*Options){emptyNulls}, `["One",null,8]`, "One,,8\n", ""},
		{"empty text is not null", []func(*Options){emptyNulls}, `["",null]`, "\"\",\n", ""},
		{"nested", nil, `[[1,2],{"a":"b"}]`, "\"[1,2]\",\"{\"\"a\"\":\"\"b\"\"}\"\n", ""},
		{"other delimiters", []func(*Options){semicolon}, `["a; b","c;d","e|f"]`,
			"\"a; b\"; c;d; e|f|\r\n", ""},
		{"object by columns", []func(*Options){columns}, `{"tags":"x","n":5,"name":"a","more":1}`,
			"a,5,x\n", ""},
		{"missing column", []func(*Options){columns}, `{"n":5}`, "", `field "name": it is null`},
		{"missing column empty", []func(*Options){columns, emptyNulls}, `{"n":5}`, ",5,\n", ""},
		{"array with columns", []func(*Options){columns}, `[1]`, "", "this is array"},
		{"object without columns", nil, `{"a":1}`, "", "this is object"},
		{"no JSON", nil, `a,b`, "", "the value is no JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := encode(t, options(append([]func(*Options){asCSV}, tt.options...)...), tt.value)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestCharset(t *testing.T) {
	latin := func(o *Options) { o.Charset, o.Delimiter = "ISO-8859-1", "\u00a7" }
	got, err := encode(t, options(latin), "caf\u00e9")
	require.NoError(t, err)
	require.Equal(t, "caf\xe9\xa7", got)
	_, err = encode(t, options(latin), "\u65e5")
	require.ErrorContains(t, err, "converting the value")
	got, err = encode(t, options(asCSV, latin), `["\u00e9",1]`)
	require.NoError(t, err)
	require.Equal(t, "\xe9,1\xa7", got)
	got, err = encode(t, options(func(o *Options) { o.Charset = "UTF-16LE" }), "a")
	require.NoError(t, err)
	require.Equal(t, "a\x00\n\x00", got)
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
		key    string
		want   string
	}{
		{"format", func(o *Options) { o.Format = "xml" }, "w.format", `"xml" is none of`},
		{"quote", func(o *Options) { o.Quote = "all" }, "w.quote", `"all" is none of`},
		{"nulls", func(o *Options) { o.Nulls = "null" }, "w.nulls", `"null" is none of`},
		{"charset", func(o *Options) { o.Charset = "nope" }, "w.charset", "is no charset"},
		{"mark", func(o *Options) { o.Charset = "UTF-16" }, "w.charset", "puts a mark before"},
		{"delimiter in charset", func(o *Options) { o.Charset, o.Delimiter = "US-ASCII", "\u00a7" },
			"w.charset", "has no form in charset"},
		{"delimiter", func(o *Options) { o.Delimiter = strings.Repeat("x", 65) },
			"w.delimiter", "65 bytes"},
		{"no field delimiter", func(o *Options) { o.FieldDelimiter = "" },
			"w.field_delimiter", "0 bytes"},
		{"quote as delimiter", func(o *Options) { o.FieldDelimiter = `"` },
			"w.field_delimiter", "cannot be told"},
		{"columns of text", func(o *Options) { o.Columns = []string{"a"} },
			"w.columns", "only csv has columns"},
		{"empty column", func(o *Options) { o.Format, o.Columns = CSV, []string{"a", ""} },
			"w.columns", "has no name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p connectors.Problems
			options(tt.change).Validate(&p, "w.")
			require.Len(t, p.List, 1, "%v", p.List)
			require.Equal(t, tt.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, tt.want)
		})
	}
	var p connectors.Problems
	Defaults().Validate(&p, "")
	require.Empty(t, p.List)
	_, err := New(Options{Format: "xml", Charset: utf8Name})
	require.Error(t, err)
}

func TestAppendAllocatesNothing(t *testing.T) {
	for _, o := range []Options{
		options(), options(asJSON), options(asCSV),
		options(func(o *Options) { o.Charset = "ISO-8859-1" }),
	} {
		e, err := New(o)
		require.NoError(t, err)
		r := &connectors.Record{Value: []byte(`["a","b, c",3]`)}
		buf := make([]byte, 0, 256)
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if buf, err = e.Append(buf[:0], r); err != nil {
				t.Fatal(err)
			}
		}), o.Format)
	}
}

// FuzzCSV holds that a reader of CSV gets the fields back.
func FuzzCSV(f *testing.F) {
	f.Add("a", "b,c\"d")
	f.Add("", "x\ny")
	f.Fuzz(func(t *testing.T, a, b string) {
		value, err := json.Marshal([]string{a, b})
		require.NoError(t, err)
		var want []string
		require.NoError(t, json.Unmarshal(value, &want))
		got, err := encode(t, options(asCSV), string(value))
		require.NoError(t, err)
		r := csv.NewReader(strings.NewReader(got))
		fields, err := r.Read()
		require.NoError(t, err, got)
		for i := range want { // the reader drops the "\r" of a line break
			want[i] = strings.ReplaceAll(want[i], "\r\n", "\n")
		}
		require.Equal(t, want, fields)
	})
}

func FuzzRows(f *testing.F) {
	f.Add(`{"a": [1, null, "x"]}`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, o := range []Options{
			options(asJSON), options(asCSV, emptyNulls),
			options(asCSV, func(o *Options) { o.Columns = []string{"a"} }),
		} {
			got, err := encode(t, o, value)
			if err == nil && o.Format == JSON {
				require.Equal(t, 1, strings.Count(got, "\n"), "N2")
				require.True(t, json.Valid([]byte(got)) == json.Valid([]byte(value)))
			}
		}
	})
}
