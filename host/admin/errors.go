package admin

import "errors"

// Sentinels of Listen and Client.
var (
	// ErrTokenRequired is returned by Listen for an address that other machines can reach when
	// neither a token nor authorities of clients are configured.
	ErrTokenRequired = errors.New("an address that other machines can reach needs a token or client " +
		"certificates; set admin.token or admin.tls.client_ca")
	// ErrUnreachable is returned by a Client when nobody answers at the address: the job does
	// not run any more, or not here.
	ErrUnreachable = errors.New("nobody answers")
	// ErrDenied is returned by a Client whose token is missing or wrong.
	ErrDenied = errors.New("the token is missing or wrong")
)
