package format

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
)

// streamBufferBytes is gathered before it is handed to the stream below.
const streamBufferBytes = 64 << 10

// ErrClosed is returned by Append and Flush of a closed Writer.
var ErrClosed = errors.New("writer is closed")

// Refusal is an error that concerns one record: the format cannot hold it, or cannot make sense of
// it. Writers return it from Append; the sink hands it to its faults and goes on. See Each, too.
type Refusal struct{ Err error }

// Refuse returns a *Refusal with the text.
func Refuse(text string, args ...any) error { return &Refusal{fmt.Errorf(text, args...)} }

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what is wrong with the record.
func (r *Refusal) Unwrap() error { return r.Err }

// Writer encodes records into one stream, such as a part of a file. It is used by one goroutine.
type Writer interface {
	// Append encodes r. A *Refusal concerns r alone (W2); any other error is that of the stream
	// and stays (W3).
	Append(r *connectors.Record) error
	// Size returns how many bytes the stream has after a Flush, without what Close adds. It may
	// be an estimate for formats that encode blocks, exact again after Flush.
	Size() int64
	// Flush hands everything to the stream below.
	Flush() error
	// Close flushes and writes what ends the stream. It does not close the stream below. It is
	// idempotent.
	Close() error
}

// Stream is the buffer below a Writer.
type Stream struct {
	out    io.Writer
	buf    []byte
	size   int64 // handed to out
	err    error
	closed bool
}

// NewStream returns a stream into out.
func NewStream(out io.Writer) *Stream { return &Stream{out: out} }

// Begin returns the buffer to append a record to. Hand the result to End, or drop it.
func (s *Stream) Begin() ([]byte, error) {
	switch {
	case s.err != nil:
		return nil, s.err
	case s.closed:
		return nil, ErrClosed
	}
	return s.buf, nil
}

// End keeps what was appended to the result of Begin.
func (s *Stream) End(buf []byte) error {
	s.buf = buf
	if len(buf) < streamBufferBytes {
		return nil
	}
	return s.Flush()
}

// Copy appends the next n bytes of in. An input that ends before is ErrDamaged.
func (s *Stream) Copy(in io.Reader, n int64) error {
	for n > 0 {
		buf, err := s.Begin()
		if err != nil {
			return err
		}
		from := len(buf)
		step := min(n, int64(streamBufferBytes-from)) // End leaves room
		buf = slices.Grow(buf, int(step))[:from+int(step)]
		_, err = io.ReadFull(in, buf[from:])
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: it ends early", ErrDamaged)
		case err != nil:
			return err
		}
		if err := s.End(buf); err != nil {
			return err
		}
		n -= step
	}
	return nil
}

// Size returns the bytes that the stream has after a Flush.
func (s *Stream) Size() int64 { return s.size + int64(len(s.buf)) }

// Flush writes the buffer out.
func (s *Stream) Flush() error {
	if s.err != nil || len(s.buf) == 0 {
		return s.err
	}
	n, err := s.out.Write(s.buf)
	s.size += int64(n)
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	s.buf, s.err = s.buf[:0], err
	return err
}

// Close flushes. Nothing can be appended afterwards.
func (s *Stream) Close() error {
	if s.closed {
		return s.err
	}
	s.closed = true
	return s.Flush()
}
