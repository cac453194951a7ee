package avro

import (
	"errors"
	"strings"
)

// placeError is an error at a place within a value.
type placeError struct {
	place string
	err   error
}

// Error implements error.
func (e *placeError) Error() string { return "at " + e.place + ": " + e.err.Error() }

// Unwrap returns what is wrong there.
func (e *placeError) Unwrap() error { return e.err }

// placeBytesMax bounds a place in messages: keys of maps are data.
const placeBytesMax = 200

// within puts the name of a field, an index or a key before the place of err.
func within(name string, err error) error {
	var inner *placeError
	if !errors.As(err, &inner) {
		return &placeError{name, err}
	}
	if len(inner.place) < placeBytesMax {
		if !strings.HasPrefix(inner.place, "[") {
			name += "."
		}
		inner.place = name + inner.place
	}
	return err
}
