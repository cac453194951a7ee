package meter

import "errors"

// ErrReserved is returned by Rewrite for a module that exports a name which the rewriter needs. The
// module has to be built without it.
var ErrReserved = errors.New("exports a name that is reserved for metering")

// ErrBug is returned by Rewrite in place of a panic. The module cannot be run metered.
var ErrBug = errors.New("the rewriter met something it was not made for")
