package servers

import "errors"

// ErrMissingTool is returned when a program that the servers need is not installed; the text names
// the package that has it.
var ErrMissingTool = errors.New("a program is missing")
