package admin

import "errors"

// Sentinels of Listen and Client.
var (
	// ErrTokenRequired is returned by Listen for an address that other machines can reach when
	// no token is configured.
	ErrTokenRequired = errors.New("an address that other machines can reach needs a token; " +
		"set admin.token")
	// ErrUnreachable is returned by a Client when nobody answers at the address: the job does
	// not run any more, or not here.
	ErrUnreachable = errors.New("nobody answers")
	// ErrDenied is returned by a Client whose token is missing or wrong.
	ErrDenied = errors.New("the token is missing or wrong")
)
