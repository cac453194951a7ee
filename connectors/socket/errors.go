package socket

import (
	"errors"
	"fmt"
)

// ErrPosition is returned, marked as permanent, for a position that this source never wrote. One
// of a later version is checkpoint.ErrNewerFormat.
var ErrPosition = errors.New("not a position of a socket")

// GaveUpError is returned when as many connections in a row as attempts allows were refused or
// broke. A restart of the job begins a new row.
type GaveUpError struct {
	Doing    string // "sending messages to", "receiving from"
	Address  string // host:port
	Attempts int    // connections that were tried
	Err      error  // how the last one ended
}

// Error implements error.
func (e *GaveUpError) Error() string {
	if e.Attempts == 1 {
		return fmt.Sprintf("%s %s: gave up after the only attempt (attempts = 1): %v",
			e.Doing, e.Address, e.Err)
	}
	return fmt.Sprintf("%s %s: gave up after %d attempts in a row: %v",
		e.Doing, e.Address, e.Attempts, e.Err)
}

// Unwrap returns how the last connection ended.
func (e *GaveUpError) Unwrap() error { return e.Err }
