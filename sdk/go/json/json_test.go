package json

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

const sample = `{"id":123,"country":"de","amount":12.5,"tags":["a","b"],"deep":{"x":{"y":null}}}`

func TestParse(t *testing.T) {
	var p Parser
	v, err := p.Parse([]byte(sample))
	require.NoError(t, err)
	id, ok := v.Get("id").Int()
	require.True(t, ok)
	require.EqualValues(t, 123, id)
	require.Equal(t, "de", v.Get("country").Text())
	amount, ok := v.Get("amount").Float()
	require.True(t, ok)
	require.Equal(t, 12.5, amount)
	_, ok = v.Get("amount").Int()
	require.False(t, ok)
	tags := v.Get("tags")
	require.Equal(t, 2, tags.Len())
	require.Equal(t, "b", tags.Index(1).Text())
	require.False(t, tags.Index(2).Exists())
	require.False(t, tags.Index(-1).Exists())
	require.Equal(t, Null, v.Get("deep", "x", "y").Kind())
	require.Equal(t, Missing, v.Get("deep", "z", "y").Kind())
	require.Equal(t, `{"y":null}`, string(v.Get("deep", "x").Raw()))
	require.Equal(t, `"de"`, string(v.Get("country").Raw()))
	require.Equal(t, 5, v.Len())
	var names []string
	for it := v.Elements(); it.Next(); {
		names = append(names, string(it.Key()))
	}
	require.Equal(t, []string{"id", "country", "amount", "tags", "deep"}, names)
}

func TestMissingValue(t *testing.T) {
	var v Value
	require.Equal(t, Missing, v.Kind())
	require.Nil(t, v.Raw())
	require.Nil(t, v.Bytes())
	require.Zero(t, v.Len())
	require.False(t, v.Get("a").Exists())
	_, ok := v.Bool()
	require.False(t, ok)
	it := v.Elements()
	require.False(t, it.Next())
	require.Nil(t, it.Key())
	require.False(t, it.Value().Exists())
}

func TestStrings(t *testing.T) {
	tests := []struct{ name, doc, want string }{
		{"plain", `"abc"`, "abc"},
		{"empty", `""`, ""},
		{"escapes", `"\"\\\/\b\f\n\r\t"`, "\"\\/\b\f\n\r\t"},
		{"unicode", `"\u20ac\u00e4"`, "\u20ac\u00e4"},
		{"pair", `"\ud83d\ude00!"`, "\U0001F600!"},
		{"lone high", `"\ud83dx"`, "\uFFFDx"},
		{"lone low", `"\ude00"`, "\uFFFD"},
		{"two highs", `"\ud83d\ud83d\ude00"`, "\uFFFD\U0001F600"},
		{"long", `"` + strings.Repeat("0123456", 9) + `\n"`, strings.Repeat("0123456", 9) + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p Parser
			v, err := p.Parse([]byte(tt.doc))
			require.NoError(t, err)
			require.Equal(t, tt.want, v.Text())
		})
	}
}

func TestEscapedMemberName(t *testing.T) {
	var p Parser
	v, err := p.Parse([]byte(`{"\u0061":1,"b":2}`))
	require.NoError(t, err)
	require.True(t, v.Get("a").Exists())
}

func TestUnescapedStringsStayWhole(t *testing.T) {
	var p Parser
	v, err := p.Parse([]byte(`["\n1","\n2","` + strings.Repeat(`\t`, 4096) + `"]`))
	require.NoError(t, err)
	first := v.Index(0).Bytes()
	v.Index(2).Bytes() // the scratch memory moves
	second := v.Index(1).Bytes()
	require.Equal(t, "\n1", string(first))
	require.Equal(t, "\n2", string(second))
}

func TestSyntaxErrors(t *testing.T) {
	tests := []struct{ doc, want string }{
		{``, "json: unexpected end at byte 0"},
		{`{"a":1`, "json: unexpected end at byte 6"},
		{`{"a" 1}`, "json: expected a colon at byte 5"},
		{`{1:2}`, "json: expected a member name at byte 1"},
		{`{"a":1,}`, "json: expected a member name at byte 7"},
		{`[1,]`, "json: expected a value at byte 3"},
		{`[1 2]`, "json: expected a comma or the end of an array at byte 3"},
		{`[1}`, "json: expected a comma or the end of an array at byte 2"},
		{`tru`, "json: expected true at byte 0"},
		{`01`, "json: bytes after the document at byte 1"},
		{`1.`, "json: expected a digit at byte 2"},
		{`1e+`, "json: expected a digit at byte 3"},
		{`-`, "json: unexpected end at byte 1"},
		{`"a`, "json: unexpected end of a string at byte 2"},
		{"\"\x01\"", "json: control character in a string at byte 1"},
		{`"\x"`, "json: unknown escape at byte 1"},
		{`"\u12g4"`, "json: unknown escape at byte 1"},
		{`{} {}`, "json: bytes after the document at byte 3"},
	}
	for _, tt := range tests {
		t.Run(tt.doc, func(t *testing.T) {
			var p Parser
			_, err := p.Parse([]byte(tt.doc))
			require.EqualError(t, err, tt.want)
			require.False(t, json.Valid([]byte(tt.doc)))
		})
	}
}

func TestInts(t *testing.T) {
	tests := []struct {
		doc  string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"-0", 0, true}, {"9223372036854775807", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true}, {"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false}, {"18446744073709551616", 0, false},
		{"99999999999999999999999", 0, false}, {"1e3", 0, false}, {`"1"`, 0, false},
	}
	for _, tt := range tests {
		var p Parser
		v, err := p.Parse([]byte(tt.doc))
		require.NoError(t, err)
		got, ok := v.Int()
		require.Equal(t, tt.ok, ok, tt.doc)
		if ok {
			require.Equal(t, tt.want, got, tt.doc)
		}
	}
}

func TestWriter(t *testing.T) {
	w := NewWriter([]byte("x="))
	w.BeginObject()
	w.Key("a")
	w.Int(-1)
	w.Name(NewName("b"))
	w.BeginArray()
	w.Uint(2)
	w.Float(2.5)
	w.Bool(true)
	w.Null()
	w.BeginObject()
	w.Name(NewName("q\""))
	w.Null()
	w.EndObject()
	w.Raw([]byte(`[3]`))
	w.EndArray()
	w.KeyBytes([]byte("c"))
	w.StringBytes([]byte("\x00\n\r\t\"\\/<\u20ac\xff"))
	w.EndObject()
	require.Equal(t, `x={"a":-1,"b":[2,2.5,true,null,{"q\"":null},[3]],`+
		`"c":"\u0000\n\r\t\"\\/<`+"\u20ac\uFFFD"+`"}`, string(w.Bytes()))
}

func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, 0.1, 1e-6, 9.9e-7, 1e-9, 1e20, 1e21, 1e300, -2.5e-300,
		math.MaxFloat64, math.SmallestNonzeroFloat64,
	} {
		want, err := json.Marshal(f)
		require.NoError(t, err)
		require.Equal(t, string(want), string(AppendFloat(nil, f)))
	}
	require.Equal(t, "null", string(AppendFloat(nil, math.NaN())))
	require.Equal(t, "null", string(AppendFloat(nil, math.Inf(-1))))
}

func TestNothingAllocates(t *testing.T) {
	var p Parser
	doc := []byte(`{"id":123,"s":"with \"escape\"","a":[1.5,true,null,{"k":"v"}]}`)
	out := make([]byte, 0, 256)
	run := func() {
		v, err := p.Parse(doc)
		if err != nil {
			t.Fatal(err)
		}
		w := NewWriter(out[:0])
		w.BeginObject()
		id, _ := v.Get("id").Int()
		w.Key("id")
		w.Int(id)
		w.Key("s")
		w.StringBytes(v.Get("s").Bytes())
		for it := v.Get("a").Elements(); it.Next(); {
			if f, ok := it.Value().Float(); ok {
				w.Key("f")
				w.Float(f)
			}
		}
		w.EndObject()
		out = w.Bytes()
	}
	run()
	require.Zero(t, testing.AllocsPerRun(100, run))
}

// tokens lists a document's tokens as encoding/json sees them.
func tokens(t *testing.T, doc []byte) []any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var out []any
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		out = append(out, tok)
	}
}

// walk lists the same tokens as this package sees them.
func walk(out []any, v Value) []any {
	switch v.Kind() {
	case Null:
		return append(out, nil)
	case Bool:
		b, _ := v.Bool()
		return append(out, b)
	case Number:
		return append(out, json.Number(v.Raw()))
	case String:
		return append(out, fixUTF8(v.Bytes()))
	case Array:
		out = append(out, json.Delim('['))
		for it := v.Elements(); it.Next(); {
			out = walk(out, it.Value())
		}
		return append(out, json.Delim(']'))
	default:
		out = append(out, json.Delim('{'))
		for it := v.Elements(); it.Next(); {
			out = append(out, fixUTF8(it.Key()))
			out = walk(out, it.Value())
		}
		return append(out, json.Delim('}'))
	}
}

// fixUTF8 replaces each byte that is not UTF-8, as encoding/json does and this package leaves to
// its caller.
func fixUTF8(b []byte) string {
	var s []byte
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		s = utf8.AppendRune(s, r)
		b = b[n:]
	}
	return string(s)
}

func FuzzParser(f *testing.F) {
	for _, s := range []string{sample, `[]`, `{}`, `"\u20ac\ud83d\ude00"`, `-1.5e+10`, `[[[{}]]]`,
		"\"\xff\"", ` { "a" : [ 1 , null ] } `, `{"a":1,"a":2}`, `[1,`, `"\ud83d"`} {
		f.Add([]byte(s))
	}
	var p Parser
	f.Fuzz(func(t *testing.T, doc []byte) {
		if len(doc) > 8<<10 {
			return // encoding/json stops at a nesting of 10,000; this parser has no need to
		}
		v, err := p.Parse(doc)
		require.Equal(t, json.Valid(doc), err == nil, "%v", err)
		if err != nil {
			return
		}
		require.Equal(t, tokens(t, doc), walk(nil, v))
		if x, ok := v.Int(); ok {
			var want int64
			require.NoError(t, json.Unmarshal(doc, &want))
			require.Equal(t, want, x)
		}
	})
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\x1f\x7f\"\\\u2028\xff\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		b := AppendString(nil, s)
		require.NoError(t, json.Unmarshal(b, &got), "%s", b)
		require.Equal(t, fixUTF8([]byte(s)), got)
	})
}

// TestLookupsTakeNoMemory: names with escapes are compared again and again in one document, and
// what was handed out before stays whole.
func TestLookupsTakeNoMemory(t *testing.T) {
	var p Parser
	v, err := p.Parse([]byte(`{"\u0061":"x\ny","b\t":2,"c":3}`))
	require.NoError(t, err)
	text := v.Get("a").Bytes()
	before := len(p.scratch)
	for range 100 {
		require.True(t, v.Get("c").Exists())
		require.True(t, v.Get("b\t").Exists())
		require.False(t, v.Get("d").Exists())
	}
	require.Len(t, p.scratch, before)
	require.Equal(t, "x\ny", string(text))
}

func BenchmarkParse(b *testing.B) {
	var p Parser
	doc := []byte(sample)
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := p.Parse(doc)
		if err != nil || v.Get("country").Kind() != String {
			b.Fatal(err)
		}
	}
}
