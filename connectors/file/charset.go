package file

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/wasmflow/wasmflow/connectors"
)

// What is done about bytes that are not valid in the charset.
const (
	invalidKeep    = "keep"    // utf-8 only: bytes pass unchanged and unchecked
	invalidReplace = "replace" // by U+FFFD
	invalidFail    = "fail"
)

// safeDelimiterMax is the first byte that may be part of a longer character in some Asian
// charset; a delimiter made of smaller ones is found without decoding.
const safeDelimiterMax = 0x30

// bomBytesMax is the longest byte-order mark.
const bomBytesMax = 4

// charset says how the bytes of a file become UTF-8.
type charset struct {
	name    string
	enc     encoding.Encoding // nil for UTF-8
	unit    int               // bytes of a code unit
	invalid string
	boms    []bom
}

// bom is a byte-order mark and the encoding it stands for.
type bom struct {
	mark []byte
	enc  encoding.Encoding // nil for UTF-8
}

// newCharset finds a charset by its IANA name. invalid is one of the invalid constants, or ""
// for keep with UTF-8 and replace with others.
func newCharset(name, invalid string) (charset, error) {
	c := charset{name: strings.ToLower(name), unit: 1, invalid: invalid}
	switch c.name {
	case "utf-8", "utf8", "":
		c.boms = []bom{{mark: []byte("\xef\xbb\xbf")}}
		if c.invalid == "" {
			c.invalid = invalidKeep
		}
		return c, nil
	case "utf-16":
		c.unit = 2
		le := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
		c.enc = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM) // RFC 2781: without a mark
		c.boms = []bom{{[]byte("\xff\xfe"), le}, {[]byte("\xfe\xff"), c.enc}}
	case "utf-16le":
		c.unit, c.enc = 2, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case "utf-16be":
		c.unit, c.enc = 2, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case "utf-32":
		c.unit = 4
		le := utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
		c.enc = utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
		c.boms = []bom{{[]byte("\xff\xfe\x00\x00"), le}, {[]byte("\x00\x00\xfe\xff"), c.enc}}
	case "utf-32le":
		c.unit, c.enc = 4, utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case "utf-32be":
		c.unit, c.enc = 4, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	default:
		enc, err := ianaindex.IANA.Encoding(c.name)
		if err != nil || enc == nil {
			return charset{}, fmt.Errorf("charset %q is not known; use its IANA name", name)
		}
		c.enc = enc
	}
	switch c.invalid {
	case "":
		c.invalid = invalidReplace
	case invalidKeep:
		return charset{}, fmt.Errorf("invalid = \"keep\" works with utf-8 only, not %s", name)
	}
	return c, nil
}

// text is how one file is read: its delimiter in bytes and what turns a record into UTF-8.
type text struct {
	delim     delimiter
	bom       int  // bytes of the mark at the beginning of the file
	stripCR   bool // the delimiter is "\n": a "\r" before it belongs to it
	transcode bool // records are not passed as they are
	valid     bool // invalid bytes are an error
	decoder   *encoding.Decoder
}

// of returns how to read a file whose first bytes are head, at most bomBytesMax of them.
func (c charset) of(head []byte, separator string) (text, error) {
	t := text{stripCR: separator == "\n", valid: c.invalid == invalidFail}
	enc := c.enc
	for _, b := range c.boms {
		if bytes.HasPrefix(head, b.mark) {
			enc, t.bom = b.enc, len(b.mark)
			break
		}
	}
	t.delim = delimiter{bytes: []byte(separator), unit: c.unit}
	if enc == nil {
		t.transcode = c.invalid != invalidKeep
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
	t.delim.bytes, t.transcode, t.decoder = raw, true, enc.NewDecoder()
	return t, nil
}

// undecided reports whether head may be the first part of a byte-order mark.
func (c charset) undecided(head []byte) bool {
	return slices.ContainsFunc(c.boms, func(b bom) bool {
		return len(head) < len(b.mark) && bytes.HasPrefix(b.mark, head)
	})
}

// splittable reports whether a file in this charset may be read from the middle.
func (c charset) splittable(separator string) bool {
	t, err := c.of(nil, separator)
	return err == nil && c.unit == 1 && !t.delim.selfOverlapping()
}

// record turns the bytes of one record into what the batch holds: the same bytes where that is
// possible, otherwise a copy in dst's arena.
func (t *text) record(raw []byte, dst *connectors.Batch) ([]byte, error) {
	if t.transcode {
		var err error
		if raw, err = t.convert(raw, dst); err != nil {
			return nil, err
		}
	}
	if n := len(raw); t.stripCR && n > 0 && raw[n-1] == '\r' {
		raw = raw[: n-1 : n-1]
	}
	return raw, nil
}

func (t *text) convert(raw []byte, dst *connectors.Batch) ([]byte, error) {
	if t.decoder == nil {
		if utf8.Valid(raw) {
			return raw, nil
		}
		if t.valid {
			return nil, ErrInvalidText
		}
		return dst.Copy(bytes.ToValidUTF8(raw, []byte("\ufffd"))), nil
	}
	// No byte of any charset becomes more than three bytes of UTF-8: a BMP character takes at
	// most three, and one beyond takes at least two bytes in the file for its four.
	out := dst.Alloc(3*len(raw) + utf8.UTFMax)
	t.decoder.Reset()
	n, used, err := t.decoder.Transform(out, raw, true)
	if err != nil {
		return nil, fmt.Errorf("%w: after byte %d of the record: %w", ErrInvalidText, used, err)
	}
	out = out[:n:n]
	if t.valid && bytes.ContainsRune(out, utf8.RuneError) {
		return nil, ErrInvalidText
	}
	return out, nil
}
