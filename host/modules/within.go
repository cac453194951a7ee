package modules

import "context"

// within returns what f returns, or at the end of ctx its error. f is left to itself then: nobody
// can call back a read of a mount that hangs.
func within(ctx context.Context, f func() ([]byte, error)) ([]byte, error) {
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() { // ends with f; fetchTimeout bounds how often one that hangs is joined by another
		data, err := f()
		done <- outcome{data, err}
	}()
	select {
	case o := <-done:
		return o.data, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
