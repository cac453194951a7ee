package json

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Writer appends one JSON document to a buffer and puts the commas in. It does not check that the
// calls come in a legal order; that is the program's.
//
//	w := json.NewWriter(dst)
//	w.BeginObject()
//	w.Key("status")
//	w.Int(404)
//	w.EndObject()
//	dst = w.Bytes()
type Writer struct {
	buf   []byte
	comma bool // a value stands before
}

// NewWriter returns a writer that appends to dst, which may be nil.
func NewWriter(dst []byte) Writer { return Writer{buf: dst} }

// Bytes returns the buffer with what was appended.
func (w *Writer) Bytes() []byte { return w.buf }

func (w *Writer) begin() {
	if w.comma {
		w.buf = append(w.buf, ',')
	}
	w.comma = true
}

// BeginObject opens an object.
func (w *Writer) BeginObject() {
	w.begin()
	w.buf = append(w.buf, '{')
	w.comma = false
}

// EndObject closes the object.
func (w *Writer) EndObject() {
	w.buf = append(w.buf, '}')
	w.comma = true
}

// BeginArray opens an array.
func (w *Writer) BeginArray() {
	w.begin()
	w.buf = append(w.buf, '[')
	w.comma = false
}

// EndArray closes the array.
func (w *Writer) EndArray() {
	w.buf = append(w.buf, ']')
	w.comma = true
}

// Key writes the name of a member; its value follows.
func (w *Writer) Key(name string) {
	b := w.buf
	if w.comma {
		b = append(b, ',')
	}
	w.buf = append(AppendString(b, name), ':')
	w.comma = false
}

// Name is the name of a member, made ready once for Writer.Name.
type Name struct {
	text string // a comma, the name in quotes, a colon
}

// NewName returns a Name.
func NewName(name string) Name { return Name{string(AppendString([]byte{','}, name)) + ":"} }

// Name is Key for a name that was made ready: a third of the price.
func (w *Writer) Name(name Name) {
	text := name.text
	if !w.comma {
		text = text[1:]
	}
	w.buf = append(w.buf, text...)
	w.comma = false
}

// KeyBytes is Key for a name that is not a string.
func (w *Writer) KeyBytes(name []byte) { w.Key(text(name)) }

// String writes a string.
func (w *Writer) String(s string) {
	b := w.buf
	if w.comma {
		b = append(b, ',')
	}
	w.buf = AppendString(b, s)
	w.comma = true
}

// StringBytes writes bytes as a string.
func (w *Writer) StringBytes(b []byte) { w.String(text(b)) }

// Int writes a number.
func (w *Writer) Int(i int64) {
	w.begin()
	w.buf = strconv.AppendInt(w.buf, i, 10)
}

// Uint writes a number.
func (w *Writer) Uint(u uint64) {
	w.begin()
	w.buf = strconv.AppendUint(w.buf, u, 10)
}

// Float writes a number, null for NaN and infinities, which JSON does not have.
func (w *Writer) Float(f float64) {
	w.begin()
	w.buf = AppendFloat(w.buf, f)
}

// Bool writes a boolean.
func (w *Writer) Bool(b bool) {
	w.begin()
	w.buf = strconv.AppendBool(w.buf, b)
}

// Null writes null.
func (w *Writer) Null() {
	w.begin()
	w.buf = append(w.buf, "null"...)
}

// Raw writes a value that is JSON already: Value.Raw of a parsed document, say.
func (w *Writer) Raw(value []byte) {
	w.begin()
	w.buf = append(w.buf, value...)
}

// AppendString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendString(dst []byte, s string) []byte {
	d := bytesOf(s)
	n := len(dst)
	if cap(dst)-n < len(d)+2 {
		dst = slices.Grow(dst, len(d)+2)
	}
	b := dst[:n+len(d)+2]
	b[n] = '"'
	if !copyPlain(b[n+1:], d) {
		return append(appendSpecial(b[:n+1], d), '"')
	}
	b[len(b)-1] = '"'
	return b
}

// copyPlain copies d to dst, which is longer, and reports whether all of it was plain ASCII. Bytes
// are copied while they are looked at, and the last word overlaps the one before: a guest has no
// cheaper way to copy a few bytes.
func copyPlain(dst, d []byte) bool {
	switch {
	case len(d) >= 8:
		for i := 0; i < len(d)-8; i += 8 {
			w := binary.LittleEndian.Uint64(d[i:])
			if special(w)|w&highs != 0 {
				return false
			}
			binary.LittleEndian.PutUint64(dst[i:], w)
		}
		w := binary.LittleEndian.Uint64(d[len(d)-8:])
		binary.LittleEndian.PutUint64(dst[len(d)-8:], w)
		return special(w)|w&highs == 0
	case len(d) >= 4:
		first, last := binary.LittleEndian.Uint32(d), binary.LittleEndian.Uint32(d[len(d)-4:])
		binary.LittleEndian.PutUint32(dst, first)
		binary.LittleEndian.PutUint32(dst[len(d)-4:], last)
		w := uint64(first) | uint64(last)<<32
		return special(w)|w&highs == 0
	}
	for i, c := range d {
		if c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
		dst[i] = c
	}
	return true
}

// appendSpecial appends the content of a string with bytes that are not plain.
func appendSpecial(dst, d []byte) []byte {
	for i := 0; ; {
		j := plainASCII(d, i)
		dst = append(dst, d[i:j]...)
		if i = j; i == len(d) {
			return dst
		}
		if c := d[i]; c < utf8.RuneSelf {
			dst = appendEscaped(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(d[i:])
		dst = utf8.AppendRune(dst, r) // a size of 1 is an invalid byte: r is U+FFFD
		i += size
	}
}

func appendEscaped(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// AppendFloat appends f as encoding/json writes it, null for NaN and infinities.
func AppendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' &&
		dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is e-9
		dst = dst[:n-1]
	}
	return dst
}
