package format

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Input is a buffered stream that knows its place in its file, for readers of files that have
// markers to begin at. It is used by one goroutine.
type Input struct {
	*bufio.Reader
	below counted
}

// counted counts what is read.
type counted struct {
	in   io.Reader
	next int64 // in the file
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.next += int64(n)
	return n, err
}

// NewInput returns the stream of a file from its beginning.
func NewInput(in io.Reader, bufferBytes int) *Input {
	i := &Input{below: counted{in: in}}
	i.Reader = bufio.NewReaderSize(&i.below, bufferBytes)
	return i
}

// Offset returns where in the file the next byte stands.
func (i *Input) Offset() int64 { return i.below.next - int64(i.Buffered()) }

// Restart goes on with another stream of the same file, whose first byte stands at offset.
func (i *Input) Restart(in io.Reader, offset int64) {
	i.below = counted{in, offset}
	i.Reset(&i.below)
}

// Enter begins a range of the file, from byte start to end, behind the first marker that begins in it;
// inside is false where none does. open opens the file at an offset; it is called at most once.
func (i *Input) Enter(
	marker []byte, start, end int64, open func(offset int64) (io.Reader, error),
) (inside bool, err error) {
	from := max(start, i.Offset())
	if from >= end {
		return false, nil
	}
	in, err := open(from)
	if err != nil {
		return false, err
	}
	i.Restart(in, from)
	err = i.Find(marker, end)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return err == nil, err
}

// Find moves behind the next marker that begins before end, or returns io.EOF.
func (i *Input) Find(marker []byte, end int64) error {
	for i.Offset() < end {
		if _, err := i.Peek(len(marker)); err != nil {
			return err
		}
		buf, err := i.Peek(i.Buffered())
		if err != nil {
			return err
		}
		at := bytes.Index(buf, marker)
		if at < 0 {
			at = len(buf) - len(marker) + 1 // its last bytes may begin one
		} else if i.Offset()+int64(at) < end {
			_, err := i.Discard(at + len(marker))
			return err
		}
		if _, err := i.Discard(at); err != nil {
			return err
		}
	}
	return io.EOF
}
