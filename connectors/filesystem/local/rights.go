package local

import (
	"context"
	"errors"
	"path"
	"syscall"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// The modes of access(2), which package syscall does not name everywhere.
const (
	mayEnter = 1
	mayWrite = 2
	mayRead  = 4
)

// accessDisk is a Disk that knows the rights of this process. Others are taken to allow
// everything.
type accessDisk interface {
	Access(path string, mode uint32) error
}

// Access tells whether this process may use path in every way that mode names. A read-only mount
// refuses writing, also to root.
func (osDisk) Access(path string, mode uint32) error { return syscall.Access(path, mode) }

// CheckRead implements filesystem.RightsChecker.
func (f *FileSystem) CheckRead(_ context.Context, p string) error {
	disk, ok := f.disk.(accessDisk)
	if !ok {
		return nil
	}
	e, err := f.disk.Stat(p)
	if err != nil {
		return wrap("describing", p, err)
	}
	mode := uint32(mayRead)
	if e.Mode.IsDir() {
		mode |= mayEnter
	}
	return wrap("reading", p, disk.Access(p, mode))
}

// CheckWrite implements filesystem.RightsChecker.
func (f *FileSystem) CheckWrite(_ context.Context, dir string) error {
	disk, ok := f.disk.(accessDisk)
	if !ok {
		return nil
	}
	for {
		e, err := f.disk.Stat(dir)
		switch {
		case (isGone(err) || errors.Is(err, syscall.ENOTDIR)) && dir != "/":
			dir = path.Dir(dir)
			continue
		case err != nil:
			return wrap("describing", dir, err)
		case !e.Mode.IsDir():
			return wrap("making a folder in", dir, syscall.ENOTDIR)
		}
		return wrap("writing to", dir, disk.Access(dir, mayWrite|mayEnter))
	}
}

var (
	_ filesystem.RightsChecker = (*FileSystem)(nil)
	_ accessDisk               = osDisk{}
)
