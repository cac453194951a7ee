package format

import "io"

// Joiner is the ability of an Opener to make one file of several that look alike, without expanding
// or decoding a record (W6).
type Joiner interface {
	// Kind returns what files must have in common to become one: those of two openers of the same
	// kind may be joined by either, all others must not. It is the Joiner's own.
	Kind() []byte
	// Join begins a file in out, which stays the caller's.
	Join(out io.Writer) (Joining, error)
}

// Joining is a file that others are copied into. It is used by one goroutine.
type Joining interface {
	// Add copies the next file behind those before it and reads in to its end. One that is damaged
	// or of another kind is ErrDamaged. After an error the result is of no use.
	Add(in io.Reader) error
	// Close hands everything to the stream below, which it does not close.
	Close() error
}
