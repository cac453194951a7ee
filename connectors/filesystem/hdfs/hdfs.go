package hdfs

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Scheme is the URL scheme of files in HDFS.
const Scheme = "hdfs"

// writeBufferBytes is gathered before bytes are handed to the library: a packet of HDFS.
const writeBufferBytes = 64 << 10

// readsMax bounds how often ReadFile begins anew because the file was replaced meanwhile.
const readsMax = 100

// foldersKnownMax bounds the folders that are known to be there, which saves a call per part.
const foldersKnownMax = 4096

// folderMode is that of folders that are made; those of a private file system are closed to others.
const (
	folderMode        = 0o755
	privateFolderMode = 0o700
)

// errClosed is what a call after Close gets.
var errClosed = errors.New("file system is closed")

// FileSystem is one HDFS cluster. It is safe for concurrent use.
type FileSystem struct {
	options  Options
	user     string
	kerberos *kerberos // nil without
	web      *http.Client
	nonce    string
	temps    atomic.Uint64
	buffers  sync.Pool // of *bufio.Writer
	met      atomic.Bool
	waits    *filesystem.Waits
	lookup   func(ctx context.Context, host string) ([]string, error)
	shared   *lane
	lanes    []*lane
	next     atomic.Uint64 // the lane of the next part
	known    struct {
		sync.Mutex
		folders map[string]struct{}
	}
}

// New returns the file system of o. It connects with the first call.
func New(o Options) (*FileSystem, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	f := &FileSystem{options: o, user: o.User, nonce: strings.ToLower(rand.Text()[:8])}
	if o.Kerberos != nil {
		var err error
		if f.kerberos, err = newKerberos(o.Kerberos); err != nil {
			return nil, err
		}
		f.user = o.Kerberos.Principal
	}
	f.lookup = net.DefaultResolver.LookupHost
	f.waits = filesystem.NewWaits(o.Logger, "a NameNode", f.addresses())
	f.web = &http.Client{Timeout: callMax}
	f.buffers.New = func() any { return bufio.NewWriterSize(nil, writeBufferBytes) }
	f.known.folders = map[string]struct{}{}
	f.shared = &lane{fs: f}
	for range writeLanes {
		f.lanes = append(f.lanes, &lane{fs: f})
	}
	return f, nil
}

func (f *FileSystem) addresses() string { return strings.Join(f.options.NameNodes, ", ") }

// Scheme implements filesystem.FileSystem.
func (f *FileSystem) Scheme() string { return Scheme }

// Abilities implements filesystem.FileSystem. A file that grows is not followed: its length as the
// NameNode knows it lags behind.
func (f *FileSystem) Abilities() filesystem.Abilities {
	return filesystem.Abilities{Directories: true, ExclusivePublish: true, RangeRead: true}
}

// Close implements filesystem.FileSystem.
func (f *FileSystem) Close() error {
	var errs []error
	for _, l := range append(slices.Clone(f.lanes), f.shared) {
		errs = append(errs, l.close())
	}
	f.web.CloseIdleConnections()
	if f.kerberos != nil {
		f.kerberos.client.Destroy()
	}
	return errors.Join(errs...)
}

// stat describes p with errors of the library.
func (f *FileSystem) stat(ctx context.Context, p string) (info os.FileInfo, err error) {
	err = f.meta(ctx, "describing "+p, func(c *hdfsclient.Client, _ bool) error {
		info, err = c.Stat(p)
		return err
	})
	return info, err
}

// Stat implements filesystem.FileSystem.
func (f *FileSystem) Stat(ctx context.Context, p string) (filesystem.Info, error) {
	info, err := f.stat(ctx, p)
	if err != nil {
		return filesystem.Info{}, f.wrap("describing", p, err)
	}
	return infoOf(p, info), nil
}

func infoOf(p string, info os.FileInfo) filesystem.Info {
	out := filesystem.Info{
		Path: p, Size: info.Size(), ModTime: info.ModTime(), Dir: info.IsDir(),
		Identity: identity(info),
	}
	if out.Dir {
		out.Size = 0
	}
	return out
}

// identity returns the number of a file, which a rename leaves as it is.
func identity(info os.FileInfo) string {
	status, ok := info.Sys().(*hdfsclient.FileStatus)
	if !ok {
		return ""
	}
	return strconv.FormatUint(status.GetFileId(), 16)
}

// List implements filesystem.FileSystem.
func (f *FileSystem) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		f.list(ctx, dir, nested, true, yield)
	}
}

// step is an entry of a folder, or what lies below one.
type step struct {
	key  string // sorts as whole paths do: the content of "a" comes after "a.txt"
	info os.FileInfo
	down bool
}

// list returns false when the caller of the iteration wants no more.
func (f *FileSystem) list(
	ctx context.Context, dir string, nested, top bool, yield func(filesystem.Info, error) bool,
) bool {
	entries, err := f.readDir(ctx, dir)
	if errors.Is(err, filesystem.ErrNotFound) && !top {
		return true
	}
	if err != nil {
		yield(filesystem.Info{}, err)
		return false
	}
	var steps []step
	for _, e := range entries {
		steps = append(steps, step{key: e.Name(), info: e})
		if nested && e.IsDir() {
			steps = append(steps, step{key: e.Name() + "/", info: e, down: true})
		}
	}
	slices.SortFunc(steps, func(a, b step) int { return cmp.Compare(a.key, b.key) })
	for _, s := range steps {
		p := path.Join(dir, s.info.Name())
		if s.down {
			if !f.list(ctx, p, nested, false, yield) {
				return false
			}
			continue
		}
		if !yield(infoOf(p, s.info), nil) {
			return false
		}
	}
	return true
}

func (f *FileSystem) readDir(ctx context.Context, dir string) (entries []os.FileInfo, err error) {
	err = f.meta(ctx, "listing "+dir, func(c *hdfsclient.Client, _ bool) error {
		info, err := c.Stat(dir)
		if err == nil && !info.IsDir() {
			return &fs.PathError{Op: "list", Path: dir, Err: fs.ErrNotExist}
		}
		if err == nil {
			entries, err = c.ReadDir(dir)
		}
		return err
	})
	return entries, f.wrap("listing", dir, err)
}

// ReadFile implements filesystem.FileSystem. The library asks for the blocks of a path after it
// asked for the length: when the file is replaced in between it would read one with the length of
// the other, so that what stands there is compared before and after.
func (f *FileSystem) ReadFile(ctx context.Context, p string, sizeMax int64) ([]byte, error) {
	var failure error
	for range readsMax {
		before, err := f.Stat(ctx, p)
		switch {
		case err != nil:
			return nil, err
		case before.Dir:
			return nil, fmt.Errorf("reading %s: it is a folder", p)
		case before.Size > sizeMax:
			return nil, fmt.Errorf("reading %s: longer than %d bytes", p, sizeMax)
		}
		var data []byte
		r, err := f.Open(ctx, p, 0)
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(r, sizeMax+1))
			err = errors.Join(err, r.Close())
		}
		after, statErr := f.Stat(ctx, p)
		if statErr != nil {
			return nil, statErr
		}
		if after.Identity == before.Identity && after.Size == before.Size {
			if err == nil && int64(len(data)) != before.Size {
				err = f.wrap("reading", p, io.ErrUnexpectedEOF)
			}
			return data, err
		}
		failure = errors.Join(err, errReplaced)
	}
	return nil, f.wrap("reading", p, failure)
}

// errReplaced is what a reader gets whose file is replaced again and again.
var errReplaced = errors.New("the file was replaced while it was read")

// Remove implements filesystem.FileSystem.
func (f *FileSystem) Remove(ctx context.Context, p string) error {
	err := f.meta(ctx, "removing "+p, func(c *hdfsclient.Client, _ bool) error {
		return c.Remove(p)
	})
	if err = f.wrap("removing", p, err); errors.Is(err, filesystem.ErrNotFound) {
		return nil
	}
	return err
}

// inFolder runs do, which needs the folder dir, and makes it where it is missing.
func (f *FileSystem) inFolder(ctx context.Context, dir string, do func() error) error {
	if f.knows(dir) {
		err := do()
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	mode := os.FileMode(folderMode)
	if f.options.Private {
		mode = privateFolderMode
	}
	err := f.meta(ctx, "making folder "+dir, func(c *hdfsclient.Client, _ bool) error {
		return c.MkdirAll(dir, mode)
	})
	if err != nil {
		return f.wrap("making folder", dir, err)
	}
	f.learn(dir)
	return do()
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
		clear(f.known.folders)
	}
	f.known.folders[dir] = struct{}{}
}

// tempPath returns a name beside p that no other call and no other process uses.
func (f *FileSystem) tempPath(p string) string {
	n := strconv.FormatUint(f.temps.Add(1), 10)
	return path.Join(path.Dir(p), "."+path.Base(p)+"."+f.nonce+"-"+n+".tmp")
}

var _ filesystem.FileSystem = (*FileSystem)(nil)
