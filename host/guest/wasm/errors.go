package wasm

import (
	"errors"
	"fmt"
)

// ErrComponent is returned for a binary of the component model. It has to be built, or unbundled,
// to a core module instead.
var ErrComponent = errors.New("this is a WebAssembly component, not a core module")

// ErrNotWasm is returned for bytes that do not start with WebAssembly's magic number.
var ErrNotWasm = errors.New("this is not a WebAssembly binary")

// A SyntaxError is returned by Parse for a module that is malformed or refers to something it
// does not have. Nothing can be done but to build the module again.
type SyntaxError struct {
	Offset int    // in the file, of the item at fault
	What   string // what is wrong, without the offset
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %#x: %s", e.Offset, e.What) }

// A FeatureError is returned by Parse for a module that uses a proposal which is not enabled. The
// module has to be built without it.
type FeatureError struct {
	Offset  int
	Feature string // as the proposal is called, such as "tail calls"
}

func (e *FeatureError) Error() string {
	return fmt.Sprintf("at byte %#x: WebAssembly feature %q is not enabled", e.Offset, e.Feature)
}

// A LimitError is returned by Parse for a well-formed module that is larger, in one respect, than
// the host is ready to compile.
type LimitError struct {
	Offset   int
	What     string // such as "locals of a function"
	Got, Max uint64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("at byte %#x: %d %s, the limit is %d", e.Offset, e.Got, e.What, e.Max)
}
