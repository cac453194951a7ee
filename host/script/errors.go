package script

import "strings"

// An Error says what is wrong with a script. Whoever wrote it has to mend it.
type Error struct {
	// Problems name file, line and column where they have one: "plugin.ts:3:14: ...".
	Problems []string
}

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }
