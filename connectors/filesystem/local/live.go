package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// CreateLive implements filesystem.LiveFiles.
func (f *FileSystem) CreateLive(
	ctx context.Context, p, from string, size int64,
) (filesystem.LiveWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("creating %s: %w", p, err)
	}
	w := &liveWriter{fs: f, path: p, size: size}
	err := f.inFolder(path.Dir(p), func() (err error) {
		w.file, err = f.disk.Create(p)
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("creating %s: %w", p, filesystem.ErrExists)
	}
	if err != nil {
		return nil, wrap("creating", p, err)
	}
	if err := f.copyInto(w.file, from, size); err != nil {
		return nil, errors.Join(fmt.Errorf("copying %d bytes of %s to %s: %w", size, from, p, err),
			w.file.Close(), f.dropTemp(p))
	}
	w.buffer = bufio.NewWriterSize(w.file, writeBufferBytes)
	return w, nil
}

// copyInto copies the first size bytes. On the machine's own disk the kernel does it.
func (f *FileSystem) copyInto(to File, from string, size int64) error {
	if from == "" {
		return nil
	}
	r, err := f.disk.Open(from)
	if err != nil {
		return wrap("opening", from, err)
	}
	n, err := io.Copy(to, io.LimitReader(r, size))
	if err == nil && n < size {
		err = fmt.Errorf("there are %d: %w", n, filesystem.ErrDamaged)
	}
	return errors.Join(err, r.Close())
}

// liveWriter appends to a live file.
type liveWriter struct {
	fs     *FileSystem
	path   string
	file   File
	buffer *bufio.Writer
	size   int64
	named  bool // the file's name is durable
	closed bool
	err    error // the first error stays
}

// Write implements io.Writer.
func (w *liveWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.buffer.Write(p)
	w.size += int64(n)
	w.err = wrap("writing", w.path, err)
	return n, w.err
}

// Size implements filesystem.LiveWriter.
func (w *liveWriter) Size() int64 { return w.size }

// Flush implements filesystem.LiveWriter.
func (w *liveWriter) Flush() error {
	if w.err == nil {
		w.err = wrap("writing", w.path, w.buffer.Flush())
	}
	return w.err
}

// Sync implements filesystem.LiveWriter.
func (w *liveWriter) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("syncing %s: %w", w.path, err)
	}
	if w.Flush() == nil {
		w.err = wrap("syncing", w.path, w.file.Sync())
	}
	if w.err == nil && !w.named {
		w.err = wrap("syncing the folder of", w.path, w.fs.disk.SyncDir(path.Dir(w.path)))
		w.named = w.err == nil
	}
	return w.err
}

// Close implements filesystem.LiveWriter.
func (w *liveWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	if w.err == nil {
		w.err = wrap("writing", w.path, fs.ErrClosed)
	}
	return wrap("closing", w.path, w.file.Close())
}

// Show implements filesystem.LiveFiles.
func (f *FileSystem) Show(ctx context.Context, p, as string, replace bool) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("showing %s: %w", as, err)
	}
	link := as
	if replace {
		link = p + filesystem.ShowSuffix
	}
	err := f.inFolder(path.Dir(as), func() error { return f.disk.Link(p, link) })
	if errors.Is(err, fs.ErrExist) && !replace {
		return fmt.Errorf("showing %s as %s: %w", p, as, filesystem.ErrExists)
	}
	if err != nil {
		return wrap("showing "+p+" as", as, err)
	}
	if replace {
		// A rename onto another name of the same file does nothing, so the passing name may still
		// be there afterwards.
		if err := errors.Join(f.disk.Rename(link, as), f.dropTemp(link)); err != nil {
			return wrap("replacing", as, err)
		}
	}
	return wrap("syncing the folder of", as, f.disk.SyncDir(path.Dir(as)))
}

// Hide implements filesystem.LiveFiles.
func (f *FileSystem) Hide(_ context.Context, name string) error {
	err := f.disk.Unlink(name)
	if err == nil || isGone(err) {
		err = f.disk.SyncDir(path.Dir(name)) // also when another process removed it a moment ago
	}
	if isGone(err) {
		return nil // the folder is gone, too
	}
	return wrap("hiding", name, err)
}

var (
	_ filesystem.LiveFiles  = (*FileSystem)(nil)
	_ filesystem.LiveWriter = (*liveWriter)(nil)
)
