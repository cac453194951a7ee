package storelog

import "errors"

// errSealed ends Seal's attempt to publish a record: one stands.
var errSealed = errors.New("log is closed")
