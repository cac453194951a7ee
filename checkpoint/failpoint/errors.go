package failpoint

import "errors"

// ErrInjected is wrapped by every error that a place returns because a test asked for it.
var ErrInjected = errors.New("injected failure")
