package delimited_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"

	"github.com/wasmflow/wasmflow/connectors/format/delimited"
)

// split feeds pieces to a splitter, taking records after each, and returns records and tail.
func split(s *delimited.Splitter, pieces ...[]byte) (records []string, tail string, err error) {
	take := func() error {
		for {
			r, ok, err := s.Next()
			if err != nil || !ok {
				return err
			}
			records = append(records, string(r))
		}
	}
	for _, p := range pieces {
		for len(p) > 0 {
			n := copy(s.Room(), p)
			p = p[n:]
			s.Filled(n)
			if err := take(); err != nil {
				return records, "", err
			}
		}
	}
	s.EndOfStream()
	if err := take(); err != nil {
		return records, "", err
	}
	return records, string(s.Tail()), nil
}

func options() delimited.Options {
	return delimited.Options{Delimiter: "\n", RecordBytesMax: 1 << 20}
}

// bytewise cuts p into single bytes.
func bytewise(p []byte) [][]byte {
	out := make([][]byte, len(p))
	for i := range p {
		out[i] = p[i : i+1]
	}
	return out
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name, delimiter, in string
		want                []string
		tail                string
	}{
		{"nothing", "\n", "", nil, ""},
		{"lines", "\n", "a\nbc\n", []string{"a", "bc"}, ""},
		{"empty lines", "\n", "\n\na\n\n", []string{"", "", "a", ""}, ""},
		{"no delimiter at the end", "\n", "a\nb", []string{"a"}, "b"},
		{"one carriage return belongs to the line end", "\n", "a\r\nb\r\r\n\r\n", []string{"a",
			"b\r", ""}, ""},
		{"a carriage return elsewhere stays", "\n", "a\rb\nc\r", []string{"a\rb"}, "c\r"},
		{"no stripping with other delimiters", "|", "a\r|b|", []string{"a\r", "b"}, ""},
		{"long delimiter", "--END--", "a--END--b--EN--END--c--", []string{"a", "b--EN"}, "c--"},
		{"delimiter that overlaps itself", "aab", "aaab-aab", []string{"a", "-"}, ""},
		{"delimiter of several bytes of one character", "\u00e9", "a\u00e9\u00e8\u00e9",
			[]string{"a", "\u00e8"}, ""},
		{"bytes that are no UTF-8 pass", "\n", "\xff\xfe\n", []string{"\xff\xfe"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, pieces := range map[string][][]byte{
				"whole": {[]byte(c.in)}, "byte by byte": bytewise([]byte(c.in)),
			} {
				o := options()
				o.Delimiter = c.delimiter
				s, err := delimited.New(o)
				require.NoError(t, err)
				got, tail, err := split(s, pieces...)
				require.NoError(t, err)
				require.Equal(t, c.want, got, name)
				require.Equal(t, c.tail, tail, name)
			}
		})
	}
}

func TestCharsets(t *testing.T) {
	text := "h\u00e4user\nm\u00e4use \u65e5\u672c\nrest \u00fc"
	for _, c := range []struct {
		name, charset, text string
		enc                 encoding.Encoding
	}{
		{"latin 1", "ISO-8859-1", "h\u00e4user\nm\u00e4use\nrest \u00fc", charmap.ISO8859_1},
		{"windows", "windows-1252", "h\u00e4user \u20ac\nm\u00e4use\nrest \u00fc", charmap.Windows1252},
		{"utf-16 with a mark", "UTF-16", text, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)},
		{"utf-16le", "utf-16le", text, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
		{"shift jis", "Shift_JIS", "\u65e5\u672c\n\u30fc\u8868\u793a\n\u8a9e", japanese.ShiftJIS},
		{"iso 2022 jp, with state", "ISO-2022-JP", "\u65e5\u672c\n\u8a9ea\n\u8a9e", japanese.ISO2022JP},
		{"ascii", "US-ASCII", "plain\ntext\nonly", unicode.UTF8},
		{"utf-8 by name", "UTF-8", text, unicode.UTF8},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := c.enc.NewEncoder().Bytes([]byte(c.text))
			require.NoError(t, err)
			lines := strings.Split(c.text, "\n")
			for name, pieces := range map[string][][]byte{"whole": {in}, "byte by byte": bytewise(in)} {
				o := options()
				o.Charset = c.charset
				s, err := delimited.New(o)
				require.NoError(t, err)
				got, tail, err := split(s, pieces...)
				require.NoError(t, err)
				require.Equal(t, lines[:2], got, name)
				require.Equal(t, lines[2], tail, name)
			}
		})
	}
}

func TestHalfACharacterAtTheEnd(t *testing.T) {
	for _, c := range []struct {
		charset string
		in      string
		want    string
	}{
		{"UTF-16LE", "a\x00b", "a\ufffd"},
		{"UTF-32LE", "a\x00\x00\x00b", "a\ufffd"},
		{"UTF-32", "\x00\x00", "\ufffd"},
		{"Shift_JIS", "a\x93", "a\ufffd"},
	} {
		t.Run(c.charset, func(t *testing.T) {
			o := options()
			o.Charset = c.charset
			s, err := delimited.New(o)
			require.NoError(t, err)
			for range 2 { // a stream that follows begins with a character of its own
				_, tail, err := split(s, []byte(c.in))
				require.NoError(t, err)
				require.Equal(t, c.want, tail)
			}
		})
	}
}

func TestTailIsJoinedWithTheNextStream(t *testing.T) {
	for _, name := range []string{"", "UTF-16"} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Charset = name
			s, err := delimited.New(o)
			require.NoError(t, err)
			encode := func(text string) []byte {
				if name == "" {
					return []byte(text)
				}
				// Each stream begins with its own byte-order mark.
				b, err := unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(text))
				require.NoError(t, err)
				return b
			}
			var got []string
			for _, stream := range []string{"te", "st1\nte", "st2\n"} {
				n := copy(s.Room(), encode(stream))
				s.Filled(n)
				s.EndOfStream()
				for {
					r, ok, err := s.Next()
					require.NoError(t, err)
					if !ok {
						break
					}
					got = append(got, string(r))
				}
			}
			require.Equal(t, []string{"test1", "test2"}, got)
			require.Empty(t, s.Tail())
		})
	}
}

func TestRecordsAreLentUntilRoom(t *testing.T) {
	for _, name := range []string{"", "ISO-8859-1"} {
		o := options()
		o.Charset = name
		s, err := delimited.New(o)
		require.NoError(t, err)
		n := copy(s.Room(), "one\ntwo\nthr")
		s.Filled(n)
		one, _, err := s.Next()
		require.NoError(t, err)
		two, _, err := s.Next()
		require.NoError(t, err)
		_, ok, err := s.Next()
		require.NoError(t, err)
		require.False(t, ok)
		require.Equal(t, "one", string(one))
		require.Equal(t, "two", string(two))
		require.Equal(t, len(one), cap(one), "an append must not reach the neighbour")
	}
}

func TestRecordBytesMax(t *testing.T) {
	for _, c := range []struct {
		name string
		max  int
		in   string
		want []string
		err  error
	}{
		{"just fits", 3, "abc\nabc\r\n", []string{"abc", "abc"}, nil},
		{"one too many", 3, "abc\nabcd\n", []string{"abc"}, delimited.ErrTooLong},
		{"no delimiter in sight", 10, strings.Repeat("x", 300_000), nil, delimited.ErrTooLong},
		{"large records", 1 << 20, strings.Repeat("x", 1<<20) + "\n", []string{strings.Repeat("x",
			1<<20)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.RecordBytesMax = c.max
			s, err := delimited.New(o)
			require.NoError(t, err)
			got, _, err := split(s, []byte(c.in))
			require.ErrorIs(t, err, c.err)
			require.Equal(t, c.want, got)
			_, _, err = s.Next()
			require.ErrorIs(t, err, c.err, "the error is sticky")
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		o          delimited.Options
	}{
		{"empty delimiter", "delimiter is empty", delimited.Options{RecordBytesMax: 1}},
		{"no length", "below 1", delimited.Options{Delimiter: "\n"}},
		{"charset", `"latin-99" is no charset`, delimited.Options{
			Delimiter: "\n", RecordBytesMax: 1, Charset: "latin-99"}},
		{"charset without support", "is no charset", delimited.Options{
			Delimiter: "\n", RecordBytesMax: 1, Charset: "UTF-7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := delimited.New(c.o)
			require.ErrorContains(t, err, c.text)
		})
	}
}

// However a stream is cut into pieces, the records are those of strings.Split (D1).
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nb\r\nc"), "\n", 1)
	f.Add([]byte("aXYbXXYc"), "XY", 2)
	f.Add([]byte("\xe4\n\xf6"), "\n", 3)
	f.Fuzz(func(t *testing.T, in []byte, delimiter string, piece int) {
		if delimiter == "" || piece < 1 {
			return
		}
		want := strings.Split(string(in), delimiter)
		if delimiter == "\n" {
			for i := range want[:len(want)-1] {
				want[i] = strings.TrimSuffix(want[i], "\r")
			}
		}
		s, err := delimited.New(delimited.Options{Delimiter: delimiter, RecordBytesMax: 1 << 20})
		require.NoError(t, err)
		var pieces [][]byte
		for p := in; len(p) > 0; p = p[min(piece, len(p)):] {
			pieces = append(pieces, p[:min(piece, len(p))])
		}
		got, tail, err := split(s, pieces...)
		require.NoError(t, err)
		require.Equal(t, want, append(got, tail))
	})
}

// Converting piece by piece equals converting at once.
func FuzzCharset(f *testing.F) {
	f.Add([]byte("\xff\xfea\x00\n\x00"), 1)
	f.Add([]byte{0xd8, 0x00, 0xdc, 0x00, 0xd8}, 2)
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		if piece < 1 {
			return
		}
		for _, name := range []string{"UTF-16", "Shift_JIS", "GB18030"} {
			o := delimited.Options{Delimiter: "\n", RecordBytesMax: 1 << 20, Charset: name}
			whole, err := delimited.New(o)
			require.NoError(t, err)
			want, wantTail, err := split(whole, in)
			require.NoError(t, err)
			cut, err := delimited.New(o)
			require.NoError(t, err)
			var pieces [][]byte
			for p := in; len(p) > 0; p = p[min(piece, len(p)):] {
				pieces = append(pieces, p[:min(piece, len(p))])
			}
			got, tail, err := split(cut, pieces...)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, wantTail, tail)
		}
	})
}

// One operation is one record.
func BenchmarkSplit(b *testing.B) {
	line := strings.Repeat("0123456789", 10) + "\n"
	stream := []byte(strings.Repeat(line, 1000))
	for _, name := range []string{"utf-8", "ISO-8859-1"} {
		b.Run(name, func(b *testing.B) {
			o := options()
			o.Charset = name
			s, err := delimited.New(o)
			if err != nil {
				b.Fatal(err)
			}
			in := iotest.DataErrReader(bytes.NewReader(stream))
			b.ReportAllocs()
			for n := 0; n < b.N; {
				size, err := in.Read(s.Room())
				s.Filled(size)
				for {
					_, ok, err := s.Next()
					if err != nil {
						b.Fatal(err)
					}
					if !ok {
						break
					}
					n++
				}
				if err != nil {
					in = iotest.DataErrReader(bytes.NewReader(stream))
				}
			}
		})
	}
}
