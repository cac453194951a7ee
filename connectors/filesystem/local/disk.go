package local

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Disk is the set of system calls that the package is made of. Errors are those of package os:
// they match fs.ErrNotExist and fs.ErrExist and carry a syscall.Errno.
type Disk interface {
	// Create makes a new file for writing. A taken name is fs.ErrExist.
	Create(path string) (File, error)
	// Open opens a file for reading.
	Open(path string) (io.ReadSeekCloser, error)
	// Stat describes what path leads to, through symbolic links.
	Stat(path string) (Entry, error)
	// ReadDir returns the names in dir, in any order.
	ReadDir(dir string) ([]Name, error)
	// Mkdir makes one folder. A taken name is fs.ErrExist.
	Mkdir(dir string) error
	// Link gives the file another name. A taken name is fs.ErrExist.
	Link(from, to string) error
	// Rename moves a file, replacing what stood under the new name.
	Rename(from, to string) error
	// Unlink removes one name of a file.
	Unlink(path string) error
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
}

// File is a file open for writing.
type File interface {
	io.Writer
	// Sync makes the content durable, not the name.
	Sync() error
	Close() error
}

// Entry describes what a path leads to.
type Entry struct {
	Size     int64
	ModTime  time.Time
	Mode     fs.FileMode
	Identity string
}

// Name is one name in a folder. Dir is set for real folders only, not for links to one.
type Name struct {
	Name string
	Dir  bool
}

// osDisk is the machine's own disk.
type osDisk struct {
	// Modes of new files and folders, before the umask.
	fileMode, folderMode fs.FileMode
}

// OS returns the machine's own disk.
func OS() Disk { return osDisk{fileMode: 0o666, folderMode: 0o777} }

// PrivateOS returns the machine's own disk for files that only this user may read: a checkpoint
// store holds module bytes, which are run, and configuration.
func PrivateOS() Disk { return osDisk{fileMode: 0o600, folderMode: 0o700} }

func (d osDisk) Create(path string) (File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.fileMode)
}

func (osDisk) Open(path string) (io.ReadSeekCloser, error) { return os.Open(path) }

func (osDisk) Stat(path string) (Entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Entry{}, err
	}
	return Entry{
		Size:     info.Size(),
		ModTime:  info.ModTime(),
		Mode:     info.Mode(),
		Identity: identityOf(info),
	}, nil
}

func (osDisk) ReadDir(dir string) ([]Name, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make([]Name, len(entries))
	for i, e := range entries {
		names[i] = Name{Name: e.Name(), Dir: e.IsDir()}
	}
	return names, nil
}

func (d osDisk) Mkdir(dir string) error     { return os.Mkdir(dir, d.folderMode) }
func (osDisk) Link(from, to string) error   { return os.Link(from, to) }
func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }
func (osDisk) Unlink(path string) error     { return os.Remove(path) }

func (osDisk) SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	// Some systems know no fsync of folders: their names are durable with the call that makes
	// them, or not at all, and refusing to run there would help nobody.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// identityOf names the inode, so that a rotated log file is known again under its new name.
func identityOf(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(st.Dev), 16) + ":" + strconv.FormatUint(st.Ino, 16)
}
