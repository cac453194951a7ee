package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/modules"
	"github.com/wasmflow/wasmflow/host/script"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0   // done, or stopped by a first signal after a clean epoch
	exitFailed      = 1   // the job failed
	exitRefused     = 2   // the job file, a plugin or the command line is refused
	exitOutside     = 3   // an outside system or the checkpoint store refused, at start
	exitFenced      = 4   // a newer owner has taken the job over
	exitInterrupted = 130 // a second signal ended run at once, or the first one another command
)

// errInterrupted is returned after a second signal: nothing was cleaned up.
var errInterrupted = errors.New("interrupted before the last epoch was published; " +
	"run the job again and it goes on from the epoch before")

// usageError is a command line that is wrong.
type usageError struct{ command, text string }

func (e *usageError) Error() string {
	if e.command == "" {
		return e.text + "; wasmflow help lists them"
	}
	return e.command + ": " + e.text + "; wasmflow help " + e.command + " shows how"
}

// startError is an outside system that refused before a record was read.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// blamedError is a failure together with the line of the job file that it belongs to.
type blamedError struct {
	err  error
	line error // a *config.Error
}

func (e *blamedError) Error() string { return e.line.Error() }
func (e *blamedError) Unwrap() error { return e.err }

// findingsError says that a check found problems, which are already printed.
type findingsError struct {
	text string
	code int
}

func (e *findingsError) Error() string { return e.text }

// storeError is a failure of the checkpoint store while a job ran.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// exitCode returns what err means to a script.
func exitCode(err error) int {
	var (
		usage    *usageError
		job      *config.Error
		plugin   *guest.RefusedError
		module   *modules.Error
		mistakes *script.Error
		outside  *startError
		refused  *host.StartError
		findings *findingsError
		worker   workerError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &worker):
		return int(worker)
	case errors.Is(err, errInterrupted), errors.Is(err, errCut):
		return exitInterrupted
	case errors.Is(err, checkpoint.ErrFenced):
		return exitFenced
	case errors.As(err, &usage), errors.As(err, &plugin), errors.Is(err, checkpoint.ErrRefused):
		return exitRefused
	case errors.As(err, &outside), errors.As(err, &refused):
		return exitOutside // whatever it wraps: a problem of the outside may name the job file
	case errors.As(err, &module) && module.Passing:
		return exitOutside
	case errors.As(err, &job), errors.As(err, &module), errors.As(err, &mistakes):
		return exitRefused
	case errors.As(err, &findings):
		return findings.code
	}
	return exitFailed
}

// joined returns the errors that errors.Join made err of, or nil. Other errors with several causes
// say more than their causes.
func joined(err error) []error {
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var texts []string
	for _, e := range several.Unwrap() {
		texts = append(texts, e.Error())
	}
	if err.Error() != strings.Join(texts, "\n") {
		return nil
	}
	return several.Unwrap()
}

// report prints err, once (L3). Problems of a job file stand alone on their lines, as compilers
// write theirs, so that an editor finds the place.
func report(w io.Writer, err error) {
	var worker workerError
	if err == nil || errors.As(err, &worker) { // it has reported itself
		return
	}
	var job *config.Error
	var mistakes *script.Error
	var blamed *blamedError
	switch parts := joined(err); {
	case parts != nil:
		for _, e := range parts {
			report(w, e)
		}
	case errors.As(err, &blamed):
		report(w, blamed.line)
	case errors.As(err, &job):
		for _, p := range job.Problems {
			fmt.Fprintln(w, p)
		}
	case errors.As(err, &mistakes):
		for _, p := range mistakes.Problems {
			fmt.Fprintln(w, p)
		}
	default:
		fmt.Fprintln(w, "wasmflow: "+strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
}
