package charset_test

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

func alloc(n int) []byte { return make([]byte, n) }

func TestLookup(t *testing.T) {
	for _, name := range []string{"", "utf-8", "UTF-8", "utf8"} {
		enc, err := charset.Lookup(name)
		require.NoError(t, err, name)
		require.Nil(t, enc, "%q is UTF-8", name)
	}
	for _, name := range []string{
		"ISO-8859-1", "latin1", "windows-1252", "Shift_JIS", "GBK", "utf-16", "UTF-16LE", "utf-16be",
		"utf-32", "utf-32le", "utf-32be",
	} {
		enc, err := charset.Lookup(name)
		require.NoError(t, err, name)
		require.NotNil(t, enc, name)
	}
	_, err := charset.Lookup("latin-nine")
	require.EqualError(t, err, `"latin-nine" is no charset; write an IANA name such as "ISO-8859-1"`)
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, charset string
		policy        charset.Policy
		in, want      string
		fails         bool
	}{
		{"valid UTF-8", "utf-8", charset.Fail, "caf\u00e9", "caf\u00e9", false},
		{"U+FFFD in UTF-8", "utf-8", charset.Fail, "\ufffd", "\ufffd", false},
		{"invalid UTF-8 kept", "utf-8", charset.Keep, "a\xff", "a\xff", false},
		{"invalid UTF-8 replaced", "utf-8", charset.Replace, "a\xff\xfeb", "a\ufffdb", false},
		{"invalid UTF-8 refused", "utf-8", charset.Fail, "a\xff", "", true},
		{"latin-1", "ISO-8859-1", charset.Fail, "caf\xe9", "caf\u00e9", false},
		{"unassigned byte replaced", "windows-1252", charset.Replace, "a\x81", "a\ufffd", false},
		{"unassigned byte refused", "windows-1252", charset.Fail, "a\x81", "", true},
		{"mark of UTF-16", "utf-16", charset.Fail, "\xff\xfea\x00", "a", false},
		{"UTF-16 without a mark", "utf-16", charset.Fail, "\x00a", "a", false},
		{"half a UTF-16 unit", "utf-16be", charset.Fail, "\x00a\x00", "", true},
		{"surrogates", "utf-16be", charset.Fail, "\xd8\x3d\xde\x00", "\U0001f600", false},
		{"half a UTF-32 unit replaced", "utf-32", charset.Replace, "a\x00", "\ufffd", false},
		{"half a UTF-32 unit refused", "utf-32le", charset.Fail, "a\x00\x00\x00b", "", true},
		{"empty", "Shift_JIS", charset.Fail, "", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			enc, err := charset.Lookup(c.charset)
			require.NoError(t, err)
			d := charset.NewDecoder(enc, c.policy)
			for range 2 { // nothing of one text is left for the next
				got, err := d.Decode([]byte(c.in), alloc)
				if c.fails {
					require.ErrorIs(t, err, charset.ErrInvalid)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, c.want, string(got))
			}
		})
	}
}

// FuzzDecode holds that no bytes of any charset need more room than is asked for.
func FuzzDecode(f *testing.F) {
	names := []string{
		"utf-8", "ISO-8859-1", "windows-1252", "Shift_JIS", "EUC-JP", "ISO-2022-JP", "GBK", "GB18030",
		"Big5", "EUC-KR", "utf-16", "utf-16le", "utf-32",
	}
	f.Add(uint8(0), []byte("a\xff"))
	f.Add(uint8(3), []byte("\x93\xfa\x96\x7b"))
	f.Add(uint8(5), []byte("\x1b$B\x25\x06\x1b(B"))
	f.Add(uint8(7), []byte("\x81\x30\x81\x30"))
	f.Fuzz(func(t *testing.T, which uint8, raw []byte) {
		enc, err := charset.Lookup(names[int(which)%len(names)])
		require.NoError(t, err)
		got, err := charset.NewDecoder(enc, charset.Replace).Decode(raw, alloc)
		require.NoError(t, err)
		require.True(t, utf8.Valid(got))
	})
}
