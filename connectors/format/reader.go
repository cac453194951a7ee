package format

import (
	"errors"
	"io"
)

// Errors of readers of files, for callers to branch on.
var (
	// ErrDamaged is returned for bytes that are no file of the format, or no longer one.
	ErrDamaged = errors.New("no valid file of its format")
	// ErrUnsupported is returned for a file of the format that cannot be read here: another version,
	// class or codec.
	ErrUnsupported = errors.New("this kind of file cannot be read")
	// ErrTooLarge is returned for a record or block that is larger than allowed.
	ErrTooLarge = errors.New("too large")
)

// growBytes is by how much the result of ReadBytes grows at first.
const growBytes = 64 << 10

// ReadBytes appends the next n bytes of in to dst. It takes memory as they come: a length that a
// file claims is no reason to allocate. With an error the result holds what came before it.
func ReadBytes(in io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, max(growBytes, len(dst)))
		from := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(in, dst[from:]); err != nil {
			return dst[:from], err
		}
		n -= step
	}
	return dst, nil
}

// Opener makes the writers of files that look alike. It is safe for concurrent use.
type Opener interface {
	// Open begins a file in out, which stays the caller's.
	Open(out io.Writer) (Writer, error)
}

// Reader reads the records of a file in order. It is used by one goroutine.
type Reader interface {
	// Next returns the next record, which is valid until the next call, or io.EOF. A null is nil.
	Next() (key, value []byte, err error)
}
