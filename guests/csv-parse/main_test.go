package main

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/sdk/go/sdktest"
)

func TestRows(t *testing.T) {
	tests := []struct {
		name, config, text string
		want               []string
	}{
		{"arrays", `{}`, "a,b\nc,,\n", []string{`["a","b"]`, `["c","",""]`}},
		{"objects", `{"columns": ["x", "y"]}`, "1,2", []string{`{"x":"1","y":"2"}`}},
		{"types", `{"columns": ["n", "b", "s"], "types": {"n": "number", "b": "boolean"}}`,
			"1.50,true,1\n-2e3,0,\n,,x\n",
			[]string{`{"n":1.50,"b":true,"s":"1"}`, `{"n":-2e3,"b":false,"s":""}`,
				`{"n":null,"b":null,"s":"x"}`}},
		{"null", `{"columns": ["a", "b"], "null": "\\N"}`, `\N,N`, []string{`{"a":null,"b":"N"}`}},
		{"header", `{"header": true, "types": {"n": "number"}}`, "n,m\n1,2\n3,4\n",
			[]string{`{"n":1,"m":"2"}`, `{"n":3,"m":"4"}`}},
		{"quotes", `{}`, "\"a,b\",\"c\nd\"\r\n\"say \"\"hi\"\"\",\"\"\n\"\"\"\",x\"y\n",
			[]string{`["a,b","c\nd"]`, `["say \"hi\"",""]`, `["\"","x\"y"]`}},
		{"breaks", `{}`, "\n\r\na\r\n\nb\r", []string{`["a"]`, `["b"]`}},
		{"comments", `{"comment": "#"}`, "#x\na\n# y\nb#\n#", []string{`["a"]`, `["b#"]`}},
		{"characters", `{"delimiter": ";", "quote": "'"}`, "'a;b';c,d", []string{`["a;b","c,d"]`}},
		{"skip", `{"columns": ["a", "b"], "bad_rows": "skip", "types": {"a": "number"}}`,
			"1,2\n3\nx,4\n5,6\n", []string{`{"a":1,"b":"2"}`, `{"a":5,"b":"6"}`}},
		{"nothing", `{"header": true}`, "a,b\n", nil},
		{"empty", `{}`, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := sdktest.Open(t, tt.config)
			for _, soft := range []uint32{0, 1} {
				g.SoftRecords = soft
				require.Equal(t, tt.want, sdktest.Values(
					g.Run("csv_parse", sdktest.Value(tt.text))))
			}
		})
	}
}

func TestKey(t *testing.T) {
	g := sdktest.Open(t, `{"columns": ["id", "name"], "key": "id"}`)
	out := g.Run("csv_parse", sdktest.KeyValue("old", "7,Anna\n\"8\",Ben"))
	require.Equal(t, "7", string(out[0].Key))
	require.Equal(t, "8", string(out[1].Key))
}

func TestHeaderChanges(t *testing.T) {
	g := sdktest.Open(t, `{"header": true}`)
	require.Equal(t, []string{`{"a":"1"}`, `{"b":"2","c":"3"}`, `{"b":"4","c":"5"}`},
		sdktest.Values(g.Run("csv_parse", sdktest.Value("a\n1"), sdktest.Value("b,c\n2,3"),
			sdktest.Value("b,c\n4,5"))))
}

func TestMalformed(t *testing.T) {
	tests := []struct{ name, config, text, want string }{
		{"open quote", `{}`, "a\n\"b", "row at byte 2: a quoted field does not end"},
		{"behind a quote", `{}`, `"a"b`, "row at byte 0: text behind a closing quote"},
		{"too few", `{"columns": ["a", "b"]}`, "1,2\n3\n", "row at byte 4: 1 fields for 2 columns"},
		{"too many", `{"columns": ["a"]}`, "1,2", "row at byte 0: 2 fields for 1 columns"},
		{"number", `{"columns": ["a"], "types": {"a": "number"}}`, "x",
			`row at byte 0: column a: "x" is not a number`},
		{"number of another kind", `{"columns": ["a"], "types": {"a": "number"}}`, `"""1"""`,
			`row at byte 0: column a: "\"1\"" is not a number`},
		{"boolean", `{"columns": ["a"], "types": {"a": "boolean"}}`, "yes",
			`row at byte 0: column a: "yes" is not true or false`},
		{"header", `{"header": true}`, `"a`, "row at byte 0: a quoted field does not end"},
		{"skip cannot help", `{"bad_rows": "skip"}`, "a\n\"b", "row at byte 2: a quoted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := sdktest.Open(t, tt.config).Run("csv_parse", sdktest.Value(tt.text))
			require.Len(t, out, 1, "a message that fails leaves nothing")
			require.NotNil(t, out[0].Error)
			require.Contains(t, out[0].Error.Text, tt.want)
		})
	}
}

func TestBadRowsAreCounted(t *testing.T) {
	g := sdktest.Open(t, `{"columns": ["a"], "bad_rows": "skip"}`)
	require.Empty(t, g.Run("csv_parse", sdktest.Value("1,2\n3,4\n")))
	require.Equal(t, []sdktest.Metric{
		{Kind: "counter", Name: "csv_parse_bad_rows", Value: 1},
		{Kind: "counter", Name: "csv_parse_bad_rows", Value: 1},
	}, g.Metrics)
}

func TestRefusedSettings(t *testing.T) {
	for config, field := range map[string]string{
		`{"delimiter": ""}`:                            "delimiter",
		`{"delimiter": "\u00e4"}`:                      "delimiter",
		`{"quote": "ab"}`:                              "quote",
		`{"quote": ","}`:                               "quote",
		`{"columns": ["a", "b", "a"]}`:                 "columns[2]",
		`{"columns": ["a"], "header": true}`:           "columns",
		`{"columns": ["a"], "types": {"a": "date"}}`:   "types.a",
		`{"columns": ["a"], "types": {"b": "number"}}`: "types.b",
		`{"columns": ["a"], "key": "b"}`:               "key",
		`{"bad_rows": "ignore"}`:                       "bad_rows",
	} {
		require.Equal(t, field, sdktest.Refusal(t, config).Field, config)
	}
}

// FuzzRows compares with encoding/csv where that is strict enough to have an opinion.
func FuzzRows(f *testing.F) {
	f.Add("a,b\n\"c\"\"d\",e\n", uint32(0))
	f.Add("\r\n\"\n\",\r\nx\r", uint32(1))
	f.Fuzz(func(t *testing.T, text string, soft uint32) {
		g := sdktest.Open(t, "")
		g.SoftRecords = soft % 4
		out := g.Run("csv_parse", sdktest.Value(text))
		var got [][]string
		for _, o := range out {
			if o.Error != nil {
				require.NotContains(t, o.Error.Text, "panic")
				return
			}
			var row []string
			require.NoError(t, json.Unmarshal(o.Value, &row))
			got = append(got, row)
		}
		// encoding/csv turns \r\n inside quotes into \n.
		r := csv.NewReader(strings.NewReader(text))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil || strings.Contains(text, "\r") {
			return
		}
		for _, row := range want {
			for i := range row {
				row[i] = strings.ToValidUTF8(row[i], strconv.Itoa(0xfffd))
			}
		}
		if !strings.Contains(text, "\ufffd") && strings.ToValidUTF8(text, "") == text {
			require.Equal(t, want, got)
		}
	})
}
