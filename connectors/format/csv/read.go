package csv

import (
	"bytes"
	"errors"
)

var (
	errUnclosed   = errors.New("a quote is not closed")
	errAfterQuote = errors.New("text follows a closing quote")
	errEscapeEnd  = errors.New("nothing follows the last escape character")
)

// field is one field of a row. text points into the row or into the reader's scratch.
type field struct {
	text   []byte
	quoted bool
}

// rowReader cuts a value into rows and fields. It is used by one goroutine.
type rowReader struct {
	delimiter byte
	quote     byte // 0 for none
	escape    byte // 0 for none
	fields    []field
	scratch   []byte
}

func newRowReader(d *Dialect) rowReader {
	r := rowReader{delimiter: d.FieldDelimiter[0]}
	if d.Quote != "" {
		r.quote = d.Quote[0]
	}
	if d.Escape != "" {
		r.escape = d.Escape[0]
	}
	return r
}

// next cuts the first row off in. The fields are valid until the next call.
func (r *rowReader) next(in []byte) (rest []byte, err error) {
	r.fields, r.scratch = r.fields[:0], r.scratch[:0]
	if cap(r.scratch) < len(in) {
		// Fields point into scratch, so it must not move while the row is read.
		r.scratch = make([]byte, 0, 2*len(in))
	}
	for at := 0; ; {
		var f field
		var err error
		if r.quote != 0 && at < len(in) && in[at] == r.quote {
			f.quoted = true
			f.text, at, err = r.quotedField(in, at+1)
		} else {
			f.text, at, err = r.plainField(in, at)
		}
		if err != nil {
			return nil, err
		}
		r.fields = append(r.fields, f)
		switch {
		case at == len(in):
			return nil, nil
		case in[at] == r.delimiter:
			at++
		case in[at] == '\r' && at+1 < len(in) && in[at+1] == '\n':
			return in[at+2:], nil
		case in[at] == '\r' || in[at] == '\n':
			return in[at+1:], nil
		default:
			return nil, errAfterQuote
		}
	}
}

// plainField reads up to a delimiter or the end of the row.
func (r *rowReader) plainField(in []byte, at int) (text []byte, end int, err error) {
	from, kept := at, len(r.scratch)
	for ; at < len(in); at++ {
		switch c := in[at]; {
		case c == r.delimiter || c == '\n' || c == '\r':
			return r.finish(in[from:at], kept), at, nil
		case c == r.escape && r.escape != 0:
			if at+1 == len(in) {
				return nil, 0, errEscapeEnd
			}
			r.scratch = append(r.scratch, in[from:at]...)
			at++
			from = at // the escaped character is copied with what follows it
		}
	}
	return r.finish(in[from:], kept), at, nil
}

// quotedField reads up to the closing quote. Two quotes are one.
func (r *rowReader) quotedField(in []byte, at int) (text []byte, end int, err error) {
	from, kept := at, len(r.scratch)
	for ; at < len(in); at++ {
		switch c := in[at]; {
		case c == r.quote && at+1 < len(in) && in[at+1] == r.quote:
			r.scratch = append(r.scratch, in[from:at]...)
			at++
			from = at
		case c == r.quote:
			return r.finish(in[from:at], kept), at + 1, nil
		case c == r.escape && r.escape != 0:
			if at+1 == len(in) {
				return nil, 0, errEscapeEnd
			}
			r.scratch = append(r.scratch, in[from:at]...)
			at++
			from = at
		}
	}
	return nil, 0, errUnclosed
}

// finish returns the field whose last piece is tail and whose others are in scratch from kept on.
func (r *rowReader) finish(tail []byte, kept int) []byte {
	if len(r.scratch) == kept {
		return tail
	}
	r.scratch = append(r.scratch, tail...)
	return r.scratch[kept:]
}

// elements cuts a field into the elements of an array or a row.
func elements(dst [][]byte, text, delimiter []byte) [][]byte {
	for {
		element, rest, more := bytes.Cut(text, delimiter)
		dst = append(dst, element)
		if !more {
			return dst
		}
		text = rest
	}
}
