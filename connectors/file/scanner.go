package file

import (
	"bytes"
	"errors"
	"io"
)

const (
	// readBufferBytes is read at once: some thousand lines, and it stays in the cache until the
	// guest has seen them.
	readBufferBytes = 512 << 10
	// readBytesMin is the least room worth a read while lent records pin the rest of the buffer.
	readBytesMin = 16 << 10
	// readsEmptyMax bounds reads in a row that return neither bytes nor an error.
	readsEmptyMax = 100
)

// delimiter is what ends a record, in the bytes of the file.
type delimiter struct {
	bytes []byte
	unit  int // bytes of a code unit; a delimiter begins on a multiple of it
}

// index returns where the first delimiter in b begins, or -1. b begins on a code unit.
func (d delimiter) index(b []byte) int {
	if len(d.bytes) == 1 {
		return bytes.IndexByte(b, d.bytes[0])
	}
	for from := 0; ; {
		i := bytes.Index(b[from:], d.bytes)
		if i < 0 {
			return -1
		}
		if at := from + i; at%d.unit == 0 {
			return at
		}
		from += i + 1
	}
}

// selfOverlapping reports whether two delimiters can overlap, as in "aa". Such a stream can only
// be cut from its beginning, so its file is not split into ranges.
func (d delimiter) selfOverlapping() bool {
	for n := 1; n < len(d.bytes); n++ {
		if bytes.HasPrefix(d.bytes, d.bytes[len(d.bytes)-n:]) {
			return true
		}
	}
	return false
}

// scanner holds the bytes of a stream that are not cut into records yet. Records point into its
// buffer; reserve moves bytes only while nothing is lent.
type scanner struct {
	buf        []byte
	begin, end int // buf[begin:end] is not cut yet
	searched   int // of these, so many from begin hold the start of no delimiter
}

// pending returns the bytes that are not cut yet.
func (s *scanner) pending() []byte { return s.buf[s.begin:s.end] }

// drop forgets what is not cut yet.
func (s *scanner) drop() { s.begin, s.searched = s.end, 0 }

// rewind makes the whole buffer free but for the bytes that are not cut yet, where moving those
// is cheap. Nothing may be lent.
func (s *scanner) rewind() {
	if n := s.end - s.begin; n < readBytesMin {
		copy(s.buf, s.pending())
		s.begin, s.end = 0, n
	}
}

// next returns the bytes before the next delimiter and moves past it, or false when there is no
// complete record.
func (s *scanner) next(d delimiter) ([]byte, bool) {
	from := s.begin + s.searched
	i := d.index(s.buf[from:s.end])
	if i < 0 {
		// The end may hold the first bytes of a delimiter; keep whole code units.
		keep := (len(d.bytes) - 1 + d.unit - 1) / d.unit * d.unit
		searched := max(s.end-s.begin-keep, 0)
		s.searched = max(s.searched, searched/d.unit*d.unit)
		return nil, false
	}
	// The capacity ends with the record, so that an append cannot reach its neighbour.
	record := s.buf[s.begin : from+i : from+i]
	s.begin = from + i + len(d.bytes)
	s.searched = 0
	return record, true
}

// reserve makes at least n bytes free behind end and returns whether it could. With lent records
// it moves nothing. What is not cut yet is kept.
func (s *scanner) reserve(n int, lent bool) bool {
	if len(s.buf)-s.end >= n {
		return true
	}
	if lent {
		return false
	}
	to := s.buf
	rest := s.pending()
	if len(to)-len(rest) < n {
		to = make([]byte, max(len(rest)+n, len(rest)*3/2, readBufferBytes))
	}
	copy(to, rest)
	s.buf, s.begin, s.end = to, 0, len(rest)
	return true
}

// put appends p, for which room is reserved, in place of what is not cut yet.
func (s *scanner) put(p []byte) {
	s.drop()
	s.end += copy(s.buf[s.end:], p)
}

// fill reads once, at most limit bytes. It returns io.EOF only with n == 0.
func (s *scanner) fill(r io.Reader, limit int64) (n int, err error) {
	dst := s.buf[s.end:]
	if int64(len(dst)) > limit {
		dst = dst[:limit]
	}
	for range readsEmptyMax {
		n, err = r.Read(dst)
		s.end += n
		if n > 0 && errors.Is(err, io.EOF) {
			err = nil // comes again with the next read
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
