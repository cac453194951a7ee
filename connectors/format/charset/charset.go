package charset

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

// ErrInvalid is returned by Decode under Fail for bytes that are no text of the charset.
var ErrInvalid = errors.New("bytes are not valid in the charset")

// Policy says what is done about bytes that are no text of the charset.
type Policy string

// The policies.
const (
	Keep    Policy = "keep"    // UTF-8 only: bytes pass unchanged and unchecked
	Replace Policy = "replace" // by U+FFFD
	Fail    Policy = "fail"    // with ErrInvalid
)

// Lookup finds a charset by its IANA name, or nil for UTF-8. Texts in utf-16 and utf-32 may begin
// with a byte-order mark and have their big end first without one.
func Lookup(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf8":
		return nil, nil
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), nil
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	case "utf-32":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM), nil
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM), nil
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), nil
	}
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, fmt.Errorf("%q is no charset; write an IANA name such as \"ISO-8859-1\"", name)
	}
	if canonical, err := ianaindex.IANA.Name(enc); err == nil && canonical == "UTF-8" {
		return nil, nil
	}
	return enc, nil
}

// Decoder turns texts into UTF-8, one at a time. It is used by one goroutine.
type Decoder struct {
	policy  Policy
	decoder *encoding.Decoder // nil for UTF-8
}

// NewDecoder returns a decoder from enc, nil for UTF-8.
func NewDecoder(enc encoding.Encoding, policy Policy) *Decoder {
	d := &Decoder{policy: policy}
	if enc != nil {
		d.decoder = enc.NewDecoder()
	}
	return d
}

// Decode returns the text in UTF-8: raw itself where that is possible, otherwise a copy in memory
// that alloc gives. Under Fail a text of another charset that holds U+FFFD itself is refused, too:
// decoders write it for what is invalid.
func (d *Decoder) Decode(raw []byte, alloc func(n int) []byte) ([]byte, error) {
	if d.decoder == nil {
		if d.policy == Keep || utf8.Valid(raw) {
			return raw, nil
		}
		if d.policy == Fail {
			return nil, ErrInvalid
		}
		valid := bytes.ToValidUTF8(raw, []byte("\ufffd"))
		return append(alloc(len(valid))[:0], valid...), nil
	}
	// No byte of any charset becomes more than three bytes of UTF-8: a character of the basic
	// plane takes at most three, and another takes at least two bytes before for its four.
	out := alloc(3*len(raw) + utf8.UTFMax)
	d.decoder.Reset()
	n, used, err := d.decoder.Transform(out, raw, true)
	if errors.Is(err, transform.ErrShortSrc) && d.policy == Replace {
		// Some decoders leave it to the caller what half a character at the end becomes.
		n, err = n+copy(out[n:], "\ufffd"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: after byte %d: %w", ErrInvalid, used, err)
	}
	out = out[:n:n]
	if d.policy == Fail && bytes.ContainsRune(out, utf8.RuneError) {
		return nil, ErrInvalid
	}
	return out, nil
}
