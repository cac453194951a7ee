package file

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

func TestCharsets(t *testing.T) {
	le := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	for _, c := range []struct {
		name, charset string
		enc           encoding.Encoding
		mark          string
		lines         []string
	}{
		{"latin 1", "ISO-8859-1", charmap.ISO8859_1, "", []string{"h\u00e4user", "", "m\u00e4use\r"}},
		{"windows", "windows-1252", charmap.Windows1252, "", []string{"5 \u20ac"}},
		{"ascii", "us-ascii", unicode.UTF8, "", []string{"plain", "text"}},
		{"ebcdic", "IBM037", charmap.CodePage037, "", []string{"HELLO", "WORLD"}},
		{"utf-16, little end first", "utf-16", le, "\xff\xfe",
			[]string{"h\u00e4user", "\u65e5\u672c", "\U0001d11e"}},
		{"utf-16, big end first", "utf-16", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
			"\xfe\xff", []string{"h\u00e4user", "\u65e5\u672c", "\U0001d11e"}},
		{"utf-16 without a mark", "utf-16", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "",
			[]string{"a", "b"}},
		// 0x0A00 and 0x000A side by side: a delimiter between two code units is none.
		{"utf-16le, bytes of a delimiter across units", "utf-16le", le, "", []string{"\u0a41\u4100x"}},
		{"utf-32", "utf-32", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), "\xff\xfe\x00\x00",
			[]string{"h\u00e4user", "\U0001d11e"}},
		{"shift jis", "Shift_JIS", japanese.ShiftJIS, "", []string{"\u65e5\u672c", "\u30fc\u8868\u793a"}},
		{"gb18030", "GB18030", simplifiedchinese.GB18030, "", []string{"\u4e2d\u6587", "\U0001d11e"}},
		{"iso-2022-jp", "ISO-2022-JP", japanese.ISO2022JP, "", []string{"\u65e5\u672c", "\u8a9ea"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			content := c.mark
			for _, l := range c.lines {
				raw, err := c.enc.NewEncoder().String(l + "\r\n")
				require.NoError(t, err)
				content += raw
			}
			path := write(t, filepath.Join(t.TempDir(), "f"), content)
			cfg := config(path, func(s *SourceConfig) { s.Charset = c.charset })
			require.Equal(t, c.lines, values(readAll(t, cfg)))

			// Go on after every record.
			s := open(t, cfg)
			r := reading(t, s, connectors.Limits{Records: 1}, find(t, s, checkpoint.Position{}).Found...)
			var b connectors.Batch
			for n := 1; ; n++ {
				b.Reset()
				if r.Poll(t.Context(), &b) == connectors.ErrEndOfInput {
					break
				}
				splits, err := r.Snapshot(t.Context(), 1)
				require.NoError(t, err)
				rest, err := drain(t, reading(t, s, connectors.Limits{}, splits...))
				require.NoError(t, err)
				require.Equal(t, append([]string{}, c.lines[n:]...), values(rest))
			}
		})
	}
}

func TestInvalidText(t *testing.T) {
	for _, c := range []struct {
		name, charset, invalid, content string
		want                            []string
		failsAt                         string
	}{
		{"utf-8 is not looked at", "utf-8", "", "a\xffb\n", []string{"a\xffb"}, ""},
		{"utf-8, replaced", "utf-8", string(charset.Replace), "ok\na\xffb\n", []string{"ok", "a\ufffdb"},
			""},
		{"utf-8, refused", "utf-8", string(charset.Fail), "ok\na\xffb\n", []string{"ok"}, "at byte 3: "},
		{"half a code unit is replaced", "utf-16be", "", "\x00a\x00\n\x00b\x00",
			[]string{"a", "b\ufffd"}, ""},
		{"lone surrogate, refused", "utf-16be", string(charset.Fail), "\x00a\x00\n\xd8\x00\x00\n",
			[]string{"a"}, "at byte 4: "},
		{"byte without a meaning, replaced", "windows-1252", "", "\x81\n", []string{"\ufffd"}, ""},
		{"byte without a meaning, refused", "windows-1252", string(charset.Fail), "\x81\n", []string{},
			"at byte 0: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "f"), c.content)
			s := open(t, config(path, func(s *SourceConfig) { s.Charset, s.Invalid = c.charset, c.invalid }))
			got, err := drain(t, reading(t, s, connectors.Limits{Records: 1},
				find(t, s, checkpoint.Position{}).Found...))
			require.Equal(t, c.want, values(got))
			if c.failsAt == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrInvalidText)
			require.ErrorContains(t, err, path+" "+c.failsAt)
		})
	}
}

func TestRefusedConfig(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*SourceConfig)
		key    string
		text   string
	}{
		{"no path", func(c *SourceConfig) { c.Path = "" }, "path", "required"},
		{"relative path", func(c *SourceConfig) { c.Path = "logs" }, "path",
			"neither absolute nor a URL"},
		{"broken glob", func(c *SourceConfig) { c.Path = "/logs/[a" }, "path", "a [ is not closed"},
		{"mode", func(c *SourceConfig) { c.Mode = "often" }, "mode", "none of once, continuous, tail"},
		{"interval", func(c *SourceConfig) { c.DiscoverInterval = 1 }, "discover_interval", "below 1ms"},
		{"include", func(c *SourceConfig) { c.Include = []string{"a", "{b"} }, "include[1]",
			"not closed"},
		{"exclude", func(c *SourceConfig) { c.Exclude = []string{"[z-a]"} }, "exclude[0]", "backwards"},
		{"delimiter", func(c *SourceConfig) { c.Delimiter = "" }, "delimiter", "empty"},
		{"charset", func(c *SourceConfig) { c.Charset = "klingon" }, "charset", "is no charset"},
		{"delimiter not in the charset", func(c *SourceConfig) {
			c.Charset, c.Delimiter = "iso-8859-1",
				"\u65e5"
		},
			"delimiter", "cannot be written"},
		{"delimiter inside characters", func(c *SourceConfig) {
			c.Charset, c.Delimiter = "shift_jis",
				"|"
		},
			"delimiter", "part of a character"},
		{"keep", func(c *SourceConfig) { c.Charset, c.Invalid = "utf-16", string(charset.Keep) },
			"charset", "utf-8 only"},
		{"invalid", func(c *SourceConfig) { c.Invalid = "ignore" }, "invalid", "none of"},
		{"record_bytes_max", func(c *SourceConfig) { c.RecordBytesMax = 0 }, "record_bytes_max",
			"between 1B and 1GiB"},
		{"vanished", func(c *SourceConfig) { c.Vanished = "ignore" }, "vanished", "none of fail, skip"},
		{"seen_max", func(c *SourceConfig) { c.SeenMax = 0 }, "seen_max", "below 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p connectors.Problems
			config("/logs", c.change).Validate(&p)
			require.NotEmpty(t, p.List)
			require.Equal(t, c.key, p.List[0].Key)
			require.Contains(t, p.List[0].Text, c.text)
		})
	}
}
