package sequencefile

import (
	"errors"
	"fmt"
	"io"
)

// Errors of a reader.
var (
	// ErrDamaged is returned for bytes that are no SequenceFile, or no longer one.
	ErrDamaged = errors.New("no valid SequenceFile")
	// ErrUnsupported is returned for a SequenceFile of a version, class or codec that is not known
	// here.
	ErrUnsupported = errors.New("this SequenceFile cannot be read")
	// ErrTooLarge is returned for a record or block that is larger than allowed.
	ErrTooLarge = errors.New("too large")
)

// damaged says what is wrong with the bytes. An error of reading them stays what it is.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends early", ErrDamaged)
	}
	return err
}
