package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fastjson"

	"github.com/wasmflow/wasmflow/connectors/format/jsontext"
)

func TestCheck(t *testing.T) {
	for _, text := range []string{
		`{}`, ` [ ] `, `0`, `-0.5e+10`, `"a\u00e9\n\/"`, `true`, `false`, `null`,
		`{"a":[1,{"b":null}],"":""}`, "\"\u00e9\"", strings.Repeat("[", 300) + strings.Repeat("]", 300),
	} {
		require.NoError(t, jsontext.Check([]byte(text)), text)
	}
	for text, want := range map[string]string{
		``:                          "no JSON at byte 0: want a value",
		`{`:                         "no JSON at byte 1: want a member name",
		`{"a"}`:                     "no JSON at byte 4: want a colon",
		`{"a":1,}`:                  "no JSON at byte 7: want a member name",
		`{"a":1 "b"`:                "no JSON at byte 7: want a comma or a closing brace",
		`[1 2]`:                     "no JSON at byte 3: want a comma or a closing bracket",
		`[1,]`:                      "no JSON at byte 3: want a value",
		`01`:                        "no JSON at byte 1: something follows the value",
		`1.`:                        "no JSON at byte 2: want a digit",
		`1e`:                        "no JSON at byte 2: want a digit",
		`-`:                         "no JSON at byte 1: want a value",
		`nul`:                       "no JSON at byte 0: want null",
		`"a`:                        "no JSON at byte 2: a string does not end",
		`"\x"`:                      "no JSON at byte 2: that is no escape",
		`"\u12g4"`:                  "no JSON at byte 5: want four hexadecimal digits",
		"\"\n\"":                    "no JSON at byte 1: a control character stands in a string",
		"\"\xff\"":                  "no JSON at byte 3: it is not all UTF-8",
		strings.Repeat("[", 100000): "no JSON at byte 301: it is nested too deeply",
	} {
		require.EqualError(t, jsontext.Check([]byte(text)), want, text)
	}
}

func TestAppendString(t *testing.T) {
	require.Equal(t, `"\"\\\n\r\t\u0000\u001f`+"\u00e9\U0001d11e\ufffd"+`x"`,
		string(jsontext.AppendString(nil, []byte("\"\\\n\r\t\x00\x1f\u00e9\U0001d11e\xffx"))))
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e-3,"\u0000"]}`, `[true,false,null]`, `"`, `-`, `{"a":}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 200 { // below the bound of nesting
			return
		}
		want := json.Valid(text) && utf8.Valid(text)
		require.Equal(t, want, jsontext.Check(text) == nil, "%q", text)
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add([]byte("a\"\\\x01\xff\u2028"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var back string
		require.NoError(t, json.Unmarshal(jsontext.AppendString(nil, text), &back))
		want, err := json.Marshal(string(text))
		require.NoError(t, err)
		var wantBack string
		require.NoError(t, json.Unmarshal(want, &wantBack))
		require.Equal(t, wantBack, back)
	})
}

func BenchmarkCheck(b *testing.B) {
	text := []byte(`{"user":"alice","path":"/index.html","status":200,"ok":true,"tags":["a","b"]}`)
	for name, valid := range map[string]func([]byte) bool{
		"own":      func(b []byte) bool { return jsontext.Check(b) == nil },
		"standard": json.Valid,
		"fastjson": func(b []byte) bool { return fastjson.ValidateBytes(b) == nil },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if !valid(text) {
					b.Fatal("not valid")
				}
			}
		})
	}
}
