package prebuilt

import _ "embed" // for the engine

//go:embed quickjs.wasm
var quickJS string

// QuickJS returns a copy of the engine for scripts in JavaScript. It is no plugin by itself: a
// script has to be packed with it (host/script).
func QuickJS() []byte { return []byte(quickJS) }
