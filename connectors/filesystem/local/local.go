package local

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Scheme is the URL scheme of local files.
const Scheme = "file"

// writeBufferBytes is gathered before a write reaches the disk: large enough that a system call
// costs little per record, small enough that a hundred open parts fit a few MiB.
const writeBufferBytes = 64 << 10

// foldersKnownMax bounds the folders remembered as durable; beyond it all are checked afresh.
const foldersKnownMax = 4096

// Options change how a FileSystem works. The zero value is what the command uses.
type Options struct {
	Disk  Disk   // default OS()
	Nonce string // part of temporary names; default random. Two live processes must differ.
}

// FileSystem is a local disk. It is safe for concurrent use.
type FileSystem struct {
	disk    Disk
	nonce   string
	temps   atomic.Uint64
	buffers sync.Pool // of *bufio.Writer
	known   struct {
		sync.Mutex
		folders map[string]struct{} // durable with all their parents (L1)
	}
}

// New returns the file system of o.Disk.
func New(o Options) *FileSystem {
	f := &FileSystem{disk: o.Disk, nonce: o.Nonce}
	if f.disk == nil {
		f.disk = OS()
	}
	if f.nonce == "" {
		f.nonce = strings.ToLower(rand.Text()[:8])
	}
	f.buffers.New = func() any { return bufio.NewWriterSize(nil, writeBufferBytes) }
	f.known.folders = map[string]struct{}{"/": {}}
	return f
}

// Path returns the path inside of a plain absolute path or a file: URL.
func Path(location string) (string, error) {
	p := location
	if strings.HasPrefix(location, Scheme+":") {
		u, err := url.Parse(location)
		if err != nil {
			return "", fmt.Errorf("reading location %q: %w", location, err)
		}
		if u.Host != "" && u.Host != "localhost" {
			return "", fmt.Errorf("location %q names host %q; write file:///path", location, u.Host)
		}
		p = u.Path
	}
	if !path.IsAbs(p) || strings.ContainsRune(p, 0) {
		return "", fmt.Errorf("location %q is no absolute path", location)
	}
	return path.Clean(p), nil
}

// Scheme implements filesystem.FileSystem.
func (f *FileSystem) Scheme() string { return Scheme }

// Abilities implements filesystem.FileSystem.
func (f *FileSystem) Abilities() filesystem.Abilities {
	return filesystem.Abilities{
		Directories: true, ExclusivePublish: true, RangeRead: true, Tail: true,
	}
}

// Close implements filesystem.FileSystem. There is nothing to release.
func (f *FileSystem) Close() error { return nil }

// Stat implements filesystem.FileSystem. It follows symbolic links.
func (f *FileSystem) Stat(_ context.Context, p string) (filesystem.Info, error) {
	e, err := f.disk.Stat(p)
	if err != nil {
		return filesystem.Info{}, wrap("describing", p, err)
	}
	return infoOf(p, e), nil
}

func infoOf(p string, e Entry) filesystem.Info {
	info := filesystem.Info{
		Path: p, Size: e.Size, ModTime: e.ModTime, Dir: e.Mode.IsDir(), Identity: e.Identity,
	}
	if info.Dir {
		info.Size = 0
	}
	return info
}

// List implements filesystem.FileSystem. Symbolic links are followed for files, but linked
// folders are not entered, so that a circle of links ends. What is neither a file nor a folder
// (a pipe, a device) is left out: reading one could wait for ever.
func (f *FileSystem) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	return func(yield func(filesystem.Info, error) bool) {
		f.list(ctx, dir, nested, true, yield)
	}
}

// list returns false when the caller of the iteration wants no more.
func (f *FileSystem) list(
	ctx context.Context, dir string, nested, top bool, yield func(filesystem.Info, error) bool,
) bool {
	names, err := f.disk.ReadDir(dir)
	if isGone(err) && !top {
		return true
	}
	if err != nil {
		yield(filesystem.Info{}, wrap("listing", dir, err))
		return false
	}
	for _, step := range inPathOrder(names, nested) {
		if err := ctx.Err(); err != nil {
			yield(filesystem.Info{}, fmt.Errorf("listing %s: %w", dir, err))
			return false
		}
		if sub, ok := strings.CutSuffix(step, "/"); ok {
			if !f.list(ctx, path.Join(dir, sub), nested, false, yield) {
				return false
			}
			continue
		}
		p := path.Join(dir, step)
		e, err := f.disk.Stat(p)
		switch {
		case isGone(err) || err == nil && !e.Mode.IsDir() && !e.Mode.IsRegular():
			continue
		case err != nil:
			yield(filesystem.Info{}, wrap("describing", p, err))
			return false
		}
		if !yield(infoOf(p, e), nil) {
			return false
		}
	}
	return true
}

// inPathOrder returns the names and, with nested, for every folder a second step that ends in a
// slash and stands for its content. Sorted as strings they give the order of whole paths: the
// content of "a" comes after "a.txt", because '.' sorts before '/'.
func inPathOrder(names []Name, nested bool) []string {
	steps := make([]string, 0, len(names))
	for _, n := range names {
		steps = append(steps, n.Name)
		if n.Dir && nested {
			steps = append(steps, n.Name+"/")
		}
	}
	slices.SortFunc(steps, cmp.Compare[string])
	return steps
}

// Open implements filesystem.FileSystem.
func (f *FileSystem) Open(_ context.Context, p string, offset int64) (io.ReadCloser, error) {
	r, err := f.disk.Open(p)
	if err != nil {
		return nil, wrap("opening", p, err)
	}
	if offset == 0 {
		return r, nil
	}
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(wrap("seeking in", p, err), r.Close())
	}
	return r, nil
}

// ReadFile implements filesystem.FileSystem.
func (f *FileSystem) ReadFile(ctx context.Context, p string, sizeMax int64) ([]byte, error) {
	r, err := f.Open(ctx, p, 0)
	if err != nil {
		return nil, err
	}
	// One byte more than allowed tells a file that is too long from one that just fits.
	data, err := io.ReadAll(io.LimitReader(r, sizeMax+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, wrap("reading", p, err)
	}
	if int64(len(data)) > sizeMax {
		return nil, fmt.Errorf("reading %s: longer than %d bytes", p, sizeMax)
	}
	return data, nil
}

// Remove implements filesystem.FileSystem.
func (f *FileSystem) Remove(_ context.Context, p string) error {
	if err := f.disk.Unlink(p); err != nil && !isGone(err) {
		return wrap("removing", p, err)
	}
	return nil
}

var _ filesystem.FileSystem = (*FileSystem)(nil)
