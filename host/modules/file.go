package modules

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// openFile opens a file of this machine for reading. What is no file is refused before it is
// opened, which waits on a pipe and does something of its own on a device, and again afterwards, for
// another may have taken its place in between: openNow keeps a pipe from being waited for then.
func openFile(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := checkRegular(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openNow, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = checkRegular(path, info)
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

// checkRegular refuses what is no regular file.
func checkRegular(path string, info fs.FileInfo) error {
	refusal := func(err error) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return refusal(syscall.EISDIR)
	case mode&fs.ModeNamedPipe != 0:
		return refusal(fmt.Errorf("it is a pipe, %w", errIrregular))
	case mode&fs.ModeSocket != 0:
		return refusal(fmt.Errorf("it is a socket, %w", errIrregular))
	case mode&fs.ModeDevice != 0:
		return refusal(fmt.Errorf("it is a device, %w", errIrregular))
	}
	return refusal(fmt.Errorf("it is %w", errIrregular))
}

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
