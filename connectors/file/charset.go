package file

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

// safeDelimiterMax is the first byte that may be part of a longer character in some Asian
// charset; a delimiter made of smaller ones is found without decoding.
const safeDelimiterMax = 0x30

// bomBytesMax is the longest byte-order mark.
const bomBytesMax = 4

// textCharset says how the bytes of a file become UTF-8.
type textCharset struct {
	name   string
	enc    encoding.Encoding // nil for UTF-8
	unit   int               // bytes of a code unit
	policy charset.Policy
	boms   []bom
}

// bom is a byte-order mark and the encoding it stands for.
type bom struct {
	mark []byte
	enc  encoding.Encoding // nil for UTF-8
}

// newCharset finds a charset by its IANA name. invalid names a policy; "" is keep for UTF-8 and
// replace for others.
func newCharset(name, invalid string) (textCharset, error) {
	c := textCharset{name: strings.ToLower(name), unit: 1, policy: charset.Policy(invalid)}
	var err error
	if c.enc, err = charset.Lookup(c.name); err != nil {
		return textCharset{}, err
	}
	if c.enc == nil {
		c.boms = []bom{{mark: []byte("\xef\xbb\xbf")}}
		if c.policy == "" {
			c.policy = charset.Keep
		}
		return c, nil
	}
	switch c.policy {
	case "":
		c.policy = charset.Replace
	case charset.Keep:
		return textCharset{}, fmt.Errorf("invalid = %q works with utf-8 only, not %s", invalid, name)
	}
	switch {
	case strings.HasPrefix(c.name, "utf-16"):
		c.unit = 2
	case strings.HasPrefix(c.name, "utf-32"):
		c.unit = 4
	}
	// A mark stands at the beginning of a file only, so it is dealt with apart from the records.
	switch c.name {
	case "utf-16":
		le := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
		c.enc = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM) // RFC 2781: without a mark
		c.boms = []bom{{[]byte("\xff\xfe"), le}, {[]byte("\xfe\xff"), c.enc}}
	case "utf-32":
		le := utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
		c.enc = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
		c.boms = []bom{{[]byte("\xff\xfe\x00\x00"), le}, {[]byte("\x00\x00\xfe\xff"), c.enc}}
	}
	return c, nil
}

// text is how one file is read: its delimiter in bytes and what turns a record into UTF-8.
type text struct {
	delim   delimiter
	bom     int              // bytes of the mark at the beginning of the file
	stripCR bool             // the delimiter is "\n": a "\r" before it belongs to it
	decoder *charset.Decoder // nil when records pass as they are
}

// of returns how to read a file whose first bytes are head, at most bomBytesMax of them.
func (c textCharset) of(head []byte, separator string) (text, error) {
	t := text{stripCR: separator == "\n"}
	enc := c.enc
	for _, b := range c.boms {
		if bytes.HasPrefix(head, b.mark) {
			enc, t.bom = b.enc, len(b.mark)
			break
		}
	}
	t.delim = delimiter{bytes: []byte(separator), unit: c.unit}
	if enc == nil {
		if c.policy != charset.Keep {
			t.decoder = charset.NewDecoder(nil, c.policy)
		}
		return t, nil
	}
	raw, err := enc.NewEncoder().Bytes(t.delim.bytes)
	if err != nil || len(raw) == 0 {
		return text{}, fmt.Errorf("delimiter %q cannot be written in charset %s", separator, c.name)
	}
	if _, single := enc.(*charmap.Charmap); !single && c.unit == 1 {
		if i := bytes.IndexFunc(raw, func(r rune) bool { return r >= safeDelimiterMax }); i >= 0 {
			return text{}, fmt.Errorf(
				"delimiter %q may be part of a character in charset %s; use control characters",
				separator, c.name)
		}
	}
	t.delim.bytes, t.decoder = raw, charset.NewDecoder(enc, c.policy)
	return t, nil
}

// undecided reports whether head may be the first part of a byte-order mark.
func (c textCharset) undecided(head []byte) bool {
	return slices.ContainsFunc(c.boms, func(b bom) bool {
		return len(head) < len(b.mark) && bytes.HasPrefix(b.mark, head)
	})
}

// splittable reports whether a file in this charset may be read from the middle.
func (c textCharset) splittable(separator string) bool {
	t, err := c.of(nil, separator)
	return err == nil && c.unit == 1 && !t.delim.selfOverlapping()
}

// record turns the bytes of one record into what the batch holds: the same bytes where that is
// possible, otherwise a copy in dst's arena.
func (t *text) record(raw []byte, dst *connectors.Batch) ([]byte, error) {
	if t.decoder != nil {
		var err error
		if raw, err = t.decoder.Decode(raw, dst.Alloc); err != nil {
			return nil, err
		}
	}
	if n := len(raw); t.stripCR && n > 0 && raw[n-1] == '\r' {
		raw = raw[: n-1 : n-1]
	}
	return raw, nil
}
