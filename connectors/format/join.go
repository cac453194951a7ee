package format

import (
	"bytes"
	"io"
)

// Joiner is the ability of an Opener to make one file of several that look alike (W6).
type Joiner interface {
	// Kind returns what files must have in common to become one: those of two openers of the same
	// kind may be joined by either, all others must not. It is the Joiner's own.
	Kind() []byte
	// Join begins a file that others are copied into.
	Join(out io.Writer) (Joining, error)
}

// Joining is a file that others are copied into. It is used by one goroutine.
type Joining interface {
	// Add copies the next file behind those before it and reads in to its end. One that is damaged
	// or of another kind is ErrDamaged. After an error the result is of no use.
	Add(in File) error
	// Close hands everything to the stream below, which it does not close.
	Close() error
}

// File is a file that is read once from its beginning, or in places.
type File interface {
	io.Reader
	// Size returns the length of the file in bytes.
	Size() int64
	// OpenAt reads the file from byte offset on, beside Read and what else was opened. The caller
	// closes the reader.
	OpenAt(offset int64) (io.ReadCloser, error)
}

// InMemory returns a file of these bytes, which must not change.
func InMemory(content []byte) File { return inMemory{bytes.NewReader(content)} }

type inMemory struct{ *bytes.Reader }

// OpenAt implements File.
func (m inMemory) OpenAt(offset int64) (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(m.Reader, offset, m.Size()-offset)), nil
}
