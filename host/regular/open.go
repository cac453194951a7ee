package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// ErrIrregular is in the error about a path that leads to no regular file. Open returns it; name a
// file.
var ErrIrregular = errors.New("not a regular file")

// Open opens the file at path for reading. What is no file is refused before it is opened, which
// waits on a pipe and does something of its own on a device, and again afterwards, for another may
// have taken its place in between: openNow keeps a pipe from being waited for then.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := check(path, info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|openNow, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = check(path, info)
	}
	if err != nil {
		_ = f.Close() // nothing was read
		return nil, err
	}
	return f, nil
}

// check refuses what is no regular file.
func check(path string, info fs.FileInfo) error {
	refusal := func(err error) error { return &fs.PathError{Op: "open", Path: path, Err: err} }
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return refusal(syscall.EISDIR)
	case mode&fs.ModeNamedPipe != 0:
		return refusal(fmt.Errorf("it is a pipe, %w", ErrIrregular))
	case mode&fs.ModeSocket != 0:
		return refusal(fmt.Errorf("it is a socket, %w", ErrIrregular))
	case mode&fs.ModeDevice != 0:
		return refusal(fmt.Errorf("it is a device, %w", ErrIrregular))
	}
	return refusal(fmt.Errorf("it is %w", ErrIrregular))
}
