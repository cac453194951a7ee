package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// sentinels maps system errors to the contract's. errors.Is of an Errno matches several numbers
// at once for fs.ErrNotExist and fs.ErrPermission.
var sentinels = [...]struct{ from, to error }{
	{fs.ErrNotExist, filesystem.ErrNotFound},
	{syscall.ENOTDIR, filesystem.ErrNotFound},
	{fs.ErrPermission, filesystem.ErrReadOnly},
	{syscall.EROFS, filesystem.ErrReadOnly},
	{syscall.ENOSPC, filesystem.ErrNoSpace},
	{syscall.EDQUOT, filesystem.ErrNoSpace},
}

// systemError keeps the system's own text and also matches the contract's sentinel.
type systemError struct{ err, sentinel error }

func (e *systemError) Error() string   { return e.err.Error() }
func (e *systemError) Unwrap() []error { return []error{e.sentinel, e.err} }

// wrap says what was being done to which path. The system's own mention of the path is dropped:
// naming it twice hides the cause at the end of the line.
func wrap(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	switch {
	case errors.As(err, &pathErr):
		err = pathErr.Err
	case errors.As(err, &linkErr):
		err = linkErr.Err
	}
	for _, s := range sentinels {
		if errors.Is(err, s.from) {
			err = &systemError{err: err, sentinel: s.to}
			break
		}
	}
	return fmt.Errorf("%s %s: %w", doing, path, err)
}

// isGone reports that a name is not there.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
