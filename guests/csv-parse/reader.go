package main

import (
	"bytes"
	"strconv"

	wasmflow "github.com/wasmflow/wasmflow/sdk/go"
)

// codeMalformed is the code of every failure of this plugin.
const codeMalformed = 1

// reader reads rows out of a text. Fields refer to the text, or to scratch where quotes were
// doubled.
type reader struct {
	delimiter, quote byte
	comment          []byte // empty: none

	text    []byte
	start   int // where the current row begins
	at      int // behind it
	fields  [][]byte
	scratch []byte
	err     error
}

// reset begins with another text.
func (r *reader) reset(text []byte) {
	r.text, r.start, r.at, r.err = text, 0, 0, nil
}

// seek goes to a place that was behind a row; 0 stays where it is.
func (r *reader) seek(at uint64) {
	if at != 0 {
		r.at = min(int(at), len(r.text))
	}
}

// fail returns the failure of the current row.
func (r *reader) fail(problem string) error {
	return wasmflow.Fail(codeMalformed, "row at byte "+strconv.Itoa(r.start)+": "+problem)
}

// next reads a row and reports whether there is one; if not, err tells why, nil at the end.
func (r *reader) next() bool {
	for r.at < len(r.text) {
		r.start = r.at
		line := r.text[r.at:]
		if len(r.comment) > 0 && bytes.HasPrefix(line, r.comment) {
			i := bytes.IndexByte(line, '\n')
			if i < 0 {
				r.at = len(r.text)
				return false
			}
			r.at += i + 1
			continue
		}
		if n := lineBreak(line); n > 0 {
			r.at += n
			continue
		}
		return r.row()
	}
	return false
}

// lineBreak returns the length of the line break that text begins with, 0 if it does not.
func lineBreak(text []byte) int {
	switch {
	case len(text) > 0 && text[0] == '\n':
		return 1
	case len(text) > 1 && text[0] == '\r' && text[1] == '\n':
		return 2
	case len(text) == 1 && text[0] == '\r':
		return 1 // the line break was cut behind it
	}
	return 0
}

// row reads the fields of a row that is not empty.
func (r *reader) row() bool {
	r.fields, r.scratch = r.fields[:0], r.scratch[:0]
	for {
		var field []byte
		if r.at < len(r.text) && r.text[r.at] == r.quote {
			var ok bool
			if field, ok = r.quoted(); !ok {
				return false
			}
		} else {
			field = r.plain()
		}
		r.fields = append(r.fields, field)
		if r.at == len(r.text) {
			return true
		}
		if n := lineBreak(r.text[r.at:]); n > 0 {
			r.at += n
			return true
		}
		r.at++ // the delimiter
	}
}

// plain reads a field without quotes, up to a delimiter, a line break or the end.
func (r *reader) plain() []byte {
	start := r.at
	for r.at < len(r.text) {
		c := r.text[r.at]
		if c == r.delimiter || (c == '\n' || c == '\r') && lineBreak(r.text[r.at:]) > 0 {
			break
		}
		r.at++
	}
	return r.text[start:r.at:r.at]
}

// quoted reads a field in quotes.
func (r *reader) quoted() ([]byte, bool) {
	r.at++
	start, first := r.at, len(r.scratch)
	doubled := false
	for {
		i := bytes.IndexByte(r.text[r.at:], r.quote)
		if i < 0 {
			r.err = r.fail("a quoted field does not end")
			return nil, false
		}
		end := r.at + i
		r.at = end + 1
		if r.at < len(r.text) && r.text[r.at] == r.quote {
			r.scratch = append(r.scratch, r.text[start:r.at]...) // with one of the quotes
			r.at++
			start, doubled = r.at, true
			continue
		}
		if r.at < len(r.text) && r.text[r.at] != r.delimiter && lineBreak(r.text[r.at:]) == 0 {
			r.err = r.fail("text behind a closing quote")
			return nil, false
		}
		if !doubled {
			return r.text[start:end:end], true
		}
		r.scratch = append(r.scratch, r.text[start:end]...)
		return r.scratch[first:len(r.scratch):len(r.scratch)], true
	}
}
