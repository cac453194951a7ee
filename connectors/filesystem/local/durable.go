package local

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"syscall"
)

// ensureFolder makes dir with its parents and makes their names durable (L1).
//
// A folder that stands there already is treated like a new one, once: (1) another process makes
// it and crashes before its sync, (2) we find it and sync a file inside, (3) the power fails and
// takes the folder with the file.
func (f *FileSystem) ensureFolder(dir string) error {
	if f.knows(dir) {
		return nil
	}
	parent := path.Dir(dir)
	if err := f.ensureFolder(parent); err != nil {
		return err
	}
	made := false
	if e, err := f.disk.Stat(dir); err != nil || !e.Mode.IsDir() {
		err := f.disk.Mkdir(dir)
		if err != nil && !(errors.Is(err, fs.ErrExist) && f.isFolder(dir)) {
			return wrap("creating folder", dir, err)
		}
		made = err == nil
	}
	if err := f.disk.SyncDir(parent); err != nil && (made || !cannotSync(err)) {
		return wrap("syncing folder", parent, err)
	}
	f.learn(dir)
	return nil
}

func (f *FileSystem) isFolder(dir string) bool {
	e, err := f.disk.Stat(dir)
	return err == nil && e.Mode.IsDir()
}

// cannotSync tells that a folder is closed to us or read-only: then nobody like us made the
// names in it, and there is nothing to make durable.
func cannotSync(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

func (f *FileSystem) knows(dir string) bool {
	f.known.Lock()
	defer f.known.Unlock()
	_, ok := f.known.folders[dir]
	return ok
}

func (f *FileSystem) learn(dir string) {
	f.known.Lock()
	defer f.known.Unlock()
	if len(f.known.folders) >= foldersKnownMax {
		f.known.folders = map[string]struct{}{"/": {}}
	}
	f.known.folders[dir] = struct{}{}
}

// forget drops all that is known: somebody removed a folder below our feet.
func (f *FileSystem) forget() {
	f.known.Lock()
	defer f.known.Unlock()
	f.known.folders = map[string]struct{}{"/": {}}
}

// inFolder runs do, which needs the folder dir. When the folder was removed since it was last
// seen it is made again and do runs once more.
func (f *FileSystem) inFolder(dir string, do func() error) error {
	known := f.knows(dir)
	if err := f.ensureFolder(dir); err != nil {
		return err
	}
	err := do()
	if isGone(err) && known && !f.isFolder(dir) {
		f.forget()
		if err := f.ensureFolder(dir); err != nil {
			return err
		}
		err = do()
	}
	return err
}

// writeTemp writes data to a new temporary file beside p and makes its content durable. The
// caller gives it its name and removes the temporary one.
func (f *FileSystem) writeTemp(p string, data []byte) (temp string, err error) {
	dir := path.Dir(p)
	temp = f.tempPath(p)
	var file File
	err = f.inFolder(dir, func() (err error) {
		file, err = f.disk.Create(temp)
		return err
	})
	if err != nil {
		return "", wrap("creating", temp, err)
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(wrap("writing", temp, err), f.dropTemp(temp))
	}
	return temp, nil
}

// tempPath returns a name beside p that no other call and no other process uses (L4).
func (f *FileSystem) tempPath(p string) string {
	n := strconv.FormatUint(f.temps.Add(1), 10)
	return path.Join(path.Dir(p), "."+path.Base(p)+"."+f.nonce+"-"+n+".tmp")
}

func (f *FileSystem) dropTemp(temp string) error {
	if err := f.disk.Unlink(temp); err != nil && !isGone(err) {
		return wrap("removing", temp, err)
	}
	return nil
}
