package main

import (
	"context"
	"errors"
	"os"
)

// errCut is returned at the first signal by what has nothing to lose.
var errCut = errors.New("interrupted")

// signalError is errCut with the signal.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "interrupted by the signal: " + e.signal.String() }
func (e *signalError) Unwrap() error { return errCut }

// untilSignal returns what f returns or, at the first signal, a *signalError. f then runs on, as a
// guest that loops cannot be asked to end: the process has to end behind it.
func untilSignal[T any](p *process, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() { // ends with f, or with the process
		value, err := f()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case sig := <-p.signals:
		var none T
		return none, &signalError{sig}
	}
}

// interruptible is a that ends at the first signal.
func interruptible(a action) action {
	return func(ctx context.Context, p *process, args []string) error {
		_, err := untilSignal(p, func() (struct{}, error) { return struct{}{}, a(ctx, p, args) })
		return err
	}
}
