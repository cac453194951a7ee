package operator

import (
	"fmt"

	"github.com/wasmflow/wasmflow/host/guest"
)

// GuestError is the failure of a whole batch for which a plugin is to blame, or at which it was at
// hand. A record that a plugin refuses is a fault instead.
type GuestError struct {
	Module   *guest.Module
	Function string
	Err      error
}

// Error names the function and its plugin.
func (e *GuestError) Error() string {
	return fmt.Sprintf("running %s of %s: %v", e.Function, e.Module.Path(), e.Err)
}

// Unwrap returns what went wrong.
func (e *GuestError) Unwrap() error { return e.Err }
