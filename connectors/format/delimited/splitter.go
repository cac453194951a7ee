package delimited

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding"

	"github.com/wasmflow/wasmflow/connectors/format/charset"
)

// readBytes is the room offered for one read: what a fast sender has in flight, and small enough
// to stay in the cache until the records are looked at.
const readBytes = 128 << 10

// rawBytes is the room for bytes that are to be converted: one of them may become three, and
// decoders want room for the longest character in front of the last one.
const rawBytes = (readBytes - utf8.UTFMax) / 3

// Options say how a stream is cut.
type Options struct {
	Charset        string // IANA name; "" and "utf-8" pass bytes on unchecked
	Delimiter      string // at least one byte; with "\n" one "\r" before it is dropped
	RecordBytesMax int    // longest record, in bytes of UTF-8, without its delimiter
}

// Splitter cuts one stream. Make it with New.
type Splitter struct {
	delimiter []byte
	stripCR   bool
	max       int

	text       []byte // UTF-8; text[begin:end] is not taken yet
	begin, end int
	searched   int // so many bytes from begin on hold the start of no delimiter

	decoder *encoding.Decoder // nil for UTF-8
	raw     []byte            // bytes to be converted
	rawLen  int               // of which so many wait for the rest of their character
}

// New returns a splitter.
func New(o Options) (*Splitter, error) {
	if o.Delimiter == "" {
		return nil, errors.New("delimiter is empty; write what ends a record, such as \"\\n\"")
	}
	if o.RecordBytesMax < 1 {
		return nil, fmt.Errorf("record_bytes_max %d is below 1", o.RecordBytesMax)
	}
	s := &Splitter{
		delimiter: []byte(o.Delimiter), stripCR: o.Delimiter == "\n", max: o.RecordBytesMax,
	}
	enc, err := charset.Lookup(o.Charset)
	if err != nil {
		return nil, err
	}
	if enc != nil {
		s.decoder = enc.NewDecoder()
		s.raw = make([]byte, rawBytes)
	}
	return s, nil
}

// Room returns free space to read into; report with Filled how much of it was used. Records
// returned before are invalid from now on (D2).
func (s *Splitter) Room() []byte {
	s.reserve(readBytes)
	if s.decoder != nil {
		return s.raw[s.rawLen:]
	}
	return s.text[s.end:]
}

// reserve makes n bytes free behind end.
func (s *Splitter) reserve(n int) {
	if len(s.text)-s.end >= n {
		return
	}
	rest := s.text[s.begin:s.end]
	to := s.text
	if len(s.text)-len(rest) < n {
		to = make([]byte, len(rest)+max(n, len(rest)/2))
	}
	copy(to, rest)
	s.text, s.begin, s.end = to, 0, len(rest)
}

// Filled notes that n bytes were read into what Room returned.
func (s *Splitter) Filled(n int) {
	if s.decoder == nil {
		s.end += n
		return
	}
	s.rawLen += n
	s.convert(false)
}

// EndOfStream notes that the stream ended and that, if bytes follow, they come from a new one.
// What is not a whole record yet is kept, but half a character becomes U+FFFD. It may move bytes,
// as Room does.
func (s *Splitter) EndOfStream() {
	if s.decoder != nil {
		s.reserve(readBytes)
		s.convert(true)
		s.decoder.Reset()
	}
}

// convert moves as many raw bytes as form whole characters to the text. Decoders of text have no
// error of their own: what is invalid becomes U+FFFD, what is left is the beginning of a character.
func (s *Splitter) convert(atEnd bool) {
	n, used, _ := s.decoder.Transform(s.text[s.end:], s.raw[:s.rawLen], atEnd)
	s.end += n
	s.rawLen = copy(s.raw, s.raw[used:s.rawLen])
	if atEnd && s.rawLen > 0 { // some decoders leave it to the caller
		s.end += copy(s.text[s.end:], "\ufffd")
		s.rawLen = 0
	}
}

// Next returns the next complete record without its delimiter, or false when more bytes are
// needed. The record is valid until the next Room. ErrTooLong comes again with every call.
func (s *Splitter) Next() (record []byte, ok bool, err error) {
	from := s.begin + s.searched
	i := bytes.Index(s.text[from:s.end], s.delimiter)
	if i < 0 {
		// The last bytes may be the beginning of a delimiter.
		s.searched = max(0, s.end-s.begin-len(s.delimiter)+1)
		if s.searched > s.max {
			return nil, false, ErrTooLong
		}
		return nil, false, nil
	}
	record = s.text[s.begin : from+i : from+i]
	if n := len(record); s.stripCR && n > 0 && record[n-1] == '\r' {
		record = record[: n-1 : n-1]
	}
	if len(record) > s.max {
		return nil, false, ErrTooLong
	}
	s.begin, s.searched = from+i+len(s.delimiter), 0
	return record, true, nil
}

// Tail returns what stands behind the last delimiter, to be called at the end of the last stream
// after EndOfStream and after Next returned false. It is empty when the stream ended with a
// delimiter. Nothing is left afterwards.
func (s *Splitter) Tail() []byte {
	tail := s.text[s.begin:s.end:s.end]
	s.begin, s.searched = s.end, 0
	return tail
}
