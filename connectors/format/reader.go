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
