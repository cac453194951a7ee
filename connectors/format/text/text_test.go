package text_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
	"github.com/wasmflow/wasmflow/connectors/format/text"
)

func TestDeserialize(t *testing.T) {
	for _, c := range []struct {
		name    string
		options text.DeserializerOptions
		in      []byte
		want    []byte
		fault   string
	}{
		{"utf-8", text.DeserializerOptions{Charset: "UTF-8", Invalid: charset.Fail}, []byte("h\u00e4"),
			[]byte("h\u00e4"), ""},
		{"ascii", text.DeserializerOptions{Charset: "US-ASCII", Invalid: charset.Fail}, []byte("ha"),
			[]byte("ha"), ""},
		{"null", text.DeserializerOptions{Charset: "utf-16", Invalid: charset.Fail}, nil, nil, ""},
		{"empty", text.DeserializerOptions{Charset: "utf-16", Invalid: charset.Fail}, []byte{}, []byte{},
			""},
		{"latin 1", text.DeserializerOptions{Charset: "ISO-8859-1", Invalid: charset.Fail},
			[]byte("h\xe4"), []byte("h\u00e4"), ""},
		{"marked", text.DeserializerOptions{Charset: "utf-16", Invalid: charset.Fail},
			[]byte("\xff\xfeh\x00"), []byte("h"), ""},
		{"utf-32", text.DeserializerOptions{Charset: "utf-32le", Invalid: charset.Fail},
			[]byte("h\x00\x00\x00"), []byte("h"), ""},
		{"invalid", text.DeserializerOptions{Charset: "utf-8", Invalid: charset.Fail}, []byte("h\xe4"),
			nil,
			"the value is no text in charset utf-8: bytes are not valid in the charset"},
		{"invalid, replaced", text.DeserializerOptions{Charset: "utf-8", Invalid: charset.Replace},
			[]byte("h\xe4"), []byte("h\ufffd"), ""},
		{"invalid in another", text.DeserializerOptions{Charset: "utf-16le", Invalid: charset.Fail},
			[]byte("h\x00x"), nil,
			"the value is no text in charset utf-16le: bytes are not valid in the charset"},
		{"invalid in another, replaced", text.DeserializerOptions{Charset: "utf-16le",
			Invalid: charset.Replace}, []byte("h\x00x"), []byte("h\ufffd"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p connectors.Problems
			c.options.Validate(&p)
			require.Empty(t, p.List)
			d, err := text.NewDeserializer(&c.options)
			require.NoError(t, err)
			var in, out connectors.Batch
			var faults connectors.Faults
			in.Append().Value = c.in
			require.NoError(t, d.Deserialize(t.Context(), &in, &out, &faults))
			if c.fault != "" {
				require.Equal(t, []connectors.Fault{{Function: "string", Text: c.fault}}, faults.List)
				require.Zero(t, out.Len())
				return
			}
			require.Empty(t, faults.List)
			require.Equal(t, c.want, out.Records[0].Value)
		})
	}
}

func TestSerialize(t *testing.T) {
	s, err := text.NewSerializer(&text.SerializerOptions{Charset: "ISO-8859-1"})
	require.NoError(t, err)
	var in, out connectors.Batch
	var faults connectors.Faults
	for _, v := range [][]byte{[]byte("h\u00e4"), []byte("\u65e5"), nil, {}} {
		in.Append().Value = v
	}
	require.NoError(t, s.Serialize(t.Context(), &in, &out, &faults))
	require.Len(t, faults.List, 1)
	require.Equal(t, 1, faults.List[0].Index)
	require.Contains(t, faults.List[0].Text, "the value has no form in charset ISO-8859-1")
	require.Equal(t, [][]byte{[]byte("h\xe4"), nil, {}},
		[][]byte{out.Records[0].Value, out.Records[1].Value, out.Records[2].Value})
}

func TestRefusedOptions(t *testing.T) {
	for _, o := range []interface{ Validate(*connectors.Problems) }{
		&text.DeserializerOptions{Charset: "klingon", Invalid: charset.Fail},
		&text.DeserializerOptions{Charset: "utf-8", Invalid: charset.Keep},
		&text.SerializerOptions{Charset: "klingon"},
	} {
		var p connectors.Problems
		o.Validate(&p)
		require.Len(t, p.List, 1)
	}
	_, err := text.NewDeserializer(&text.DeserializerOptions{Charset: "klingon"})
	require.ErrorContains(t, err, "is no charset")
	_, err = text.NewSerializer(&text.SerializerOptions{Charset: "klingon"})
	require.ErrorContains(t, err, "is no charset")
}
