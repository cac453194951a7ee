// Package failpoint lets a test end, freeze or fail the process at a named place in the code.
//
// A place is one call, and one line in the table of names.go:
//
//	if err := failpoint.Hit("storelog/after-publish"); err != nil {
//		return fmt.Errorf("deciding epoch %d: %w", e, err)
//	}
//
// Where there is nothing to return an error to, the result is dropped: _ = failpoint.Hit(name).
// Without the build tag "failpoints" Hit is an empty function that the compiler inlines away. With
// the tag, the environment variable WASMFLOW_FAILPOINTS arms places:
//
//	WASMFLOW_FAILPOINTS=storelog/after-publish=kill          kill -9 at the first hit
//	WASMFLOW_FAILPOINTS=storelog/after-publish=stop@3        SIGSTOP at the third hit
//	WASMFLOW_FAILPOINTS=a/b=error@2,c/d=kill                 several places
//
//	kill   the process sends itself SIGKILL; Hit does not return
//	stop   the process sends itself SIGSTOP; Hit returns nil once it got SIGCONT
//	error  Hit returns an error that wraps ErrInjected
//
// A place fires once, at the n-th hit of the process (default 1). When it fires it first writes
// the line "failpoint NAME: ACTION" to standard error, so that a test knows it was reached.
// A specification that names an unknown place or action panics: a test with a typing error in it
// must not pass for having done nothing.
//
// To add a place: call Hit with a literal, add the name to names.go under its package, in path
// order. A test holds that every name has exactly one call in the repository and the reverse.
//
// The package owns names and actions. It never decides where a failure is interesting.
//
// Below: nothing of this module. Above: every package with a crash point; checkpointtest arms them.
package failpoint
