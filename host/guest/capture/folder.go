package capture

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// Ext ends the name of every captured batch.
	Ext = ".wfb"
	// partialExt follows it while the file is written.
	partialExt = ".part"
	// timeLayout sorts as text. It has no '-', which ends the plugin's name.
	timeLayout = "20060102T150405.000000000"

	folderMode = 0o700
	fileMode   = 0o600
	// namesMax bounds the search for a name that is free: files of the same nanosecond are few.
	namesMax = 1_000
)

// Settings bound what is kept.
type Settings struct {
	Dir      string // folder; it is made when there is something to keep
	FilesMax int    // captures of a plugin, at least 1
	BytesMax int64  // of all captures of a plugin together
}

// Folder keeps the captured batches of one plugin. Any goroutine may use it.
type Folder struct {
	settings Settings
	plugin   string
	writing  sync.Mutex // held while a file is written: tasks that fail at once take turns
	quota    quota
}

// NewFolder returns the folder of a plugin. It touches no disk.
func NewFolder(s Settings, plugin string) *Folder { return &Folder{settings: s, plugin: plugin} }

// Plugin is whose captures the folder keeps.
func (f *Folder) Plugin() string { return f.plugin }

// Write keeps b and returns the path of its file. It takes the place of instead, an earlier capture
// of the folder; "" is none. The oldest captures of the plugin make room. On an error nothing of b
// is left.
func (f *Folder) Write(b *Batch, instead string) (path string, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	data, err := Encode(b)
	if err != nil {
		return "", err
	}
	if int64(len(data)) > f.settings.BytesMax {
		return "", fmt.Errorf("keeping a batch of %d bytes: %w = %d", len(data), ErrTooLarge,
			f.settings.BytesMax)
	}
	if err := f.prepare(); err != nil {
		return "", err
	}
	if instead != "" {
		if err := os.Remove(instead); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("replacing a captured batch: %w", err)
		}
	}
	if err := f.makeRoom(int64(len(data))); err != nil {
		return "", err
	}
	if path = instead; path != "" {
		err = write(path, data)
	} else {
		path, err = f.create(b.Captured, data)
	}
	if err != nil {
		return "", fmt.Errorf("keeping a batch that plugin %s failed on: %w", f.plugin, err)
	}
	return path, nil
}

// prepare makes the folder, out of others' reach (K2). One that is there is somebody's decision: it
// is not changed.
func (f *Folder) prepare() error {
	if err := os.MkdirAll(f.settings.Dir, folderMode); err != nil {
		return fmt.Errorf("making the folder of captured batches: %w", err)
	}
	info, err := os.Stat(f.settings.Dir)
	if err != nil {
		return fmt.Errorf("looking at the folder of captured batches: %w", err)
	}
	if mode := info.Mode().Perm(); mode&^folderMode != 0 {
		return fmt.Errorf("looking at the folder of captured batches: %w: %s has mode %#o; chmod it to "+
			"%#o, or name another one in capture.dir", ErrOpenFolder, f.settings.Dir, mode, folderMode)
	}
	return nil
}

// file is a capture in the folder, or what a killed process left of one.
type file struct {
	name string
	size int64
}

// list returns the files of the plugin, the oldest first.
func (f *Folder) list() ([]file, error) {
	entries, err := os.ReadDir(f.settings.Dir)
	if err != nil {
		return nil, fmt.Errorf("listing captured batches: %w", err)
	}
	var files []file
	for _, e := range entries { // sorted by name, hence by time
		if !f.owns(e.Name()) {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has taken it away
		}
		if err != nil {
			return nil, fmt.Errorf("looking at a captured batch: %w", err)
		}
		files = append(files, file{e.Name(), info.Size()})
	}
	return files, nil
}

// owns reports whether a file is a capture of the plugin.
func (f *Folder) owns(name string) bool {
	name = strings.TrimSuffix(name, partialExt)
	stem, isCapture := strings.CutSuffix(name, Ext)
	i := strings.LastIndexByte(stem, '-')
	if !isCapture || i < 0 || stem[:i] != f.plugin {
		return false
	}
	_, err := time.Parse(timeLayout, stem[i+1:])
	return err == nil
}

// makeRoom removes the oldest captures of the plugin until another one of size bytes may come (K3).
func (f *Folder) makeRoom(size int64) error {
	files, err := f.list()
	if err != nil {
		return err
	}
	total := size
	for _, x := range files {
		total += x.size
	}
	for len(files) > 0 && (len(files) >= f.settings.FilesMax || total > f.settings.BytesMax) {
		err := os.Remove(filepath.Join(f.settings.Dir, files[0].name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the oldest captured batch: %w", err)
		}
		total -= files[0].size
		files = slices.Delete(files, 0, 1)
	}
	return nil
}

// create writes data to a file of a new name.
func (f *Folder) create(at time.Time, data []byte) (path string, err error) {
	for range namesMax {
		name := f.plugin + "-" + at.UTC().Format(timeLayout) + Ext
		path = filepath.Join(f.settings.Dir, name)
		at = at.Add(time.Nanosecond)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		err := write(path, data)
		if !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
	return "", fmt.Errorf("no free name in %s", f.settings.Dir)
}

// write makes the file at path, which has its name once it is complete (K4). It is not forced to
// the disk: a power failure may take it, and must not cost a job anything.
func write(path string, data []byte) error {
	partial := path + partialExt
	out, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	err = errors.Join(err, out.Close())
	if err == nil {
		err = os.Rename(partial, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return nil
}
