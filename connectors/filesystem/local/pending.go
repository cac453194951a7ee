package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// errPartClosed is what a write after Close gets.
var errPartClosed = errors.New("part is closed")

// CreatePending implements filesystem.FileSystem. The name must be new: a pending name that is
// used twice would let one attempt write into another's part.
func (f *FileSystem) CreatePending(
	ctx context.Context, name filesystem.PendingName,
) (filesystem.PendingWriter, error) {
	if err := errors.Join(ctx.Err(), name.Validate()); err != nil {
		return nil, fmt.Errorf("creating part %s: %w", name.Part, err)
	}
	w := &pendingWriter{fs: f, path: name.PendingPath(), target: name.Target}
	err := f.inFolder(path.Dir(w.path), func() (err error) {
		w.file, err = f.disk.Create(w.path)
		return err
	})
	if err != nil {
		return nil, wrap("creating pending file", w.path, err)
	}
	w.buffer = f.buffers.Get().(*bufio.Writer)
	w.buffer.Reset(w.file)
	return w, nil
}

// pendingWriter writes one part.
type pendingWriter struct {
	fs     *FileSystem
	path   string // pending name
	target string
	file   File          // nil once closed or aborted
	buffer *bufio.Writer // nil once closed or aborted
	size   int64
	err    error // the first error stays (F5)
	sealed bool  // Close returned a token
}

// Write implements io.Writer.
func (w *pendingWriter) Write(p []byte) (int, error) {
	if w.err != nil || w.file == nil {
		return 0, w.stuck()
	}
	n, err := w.buffer.Write(p)
	w.size += int64(n)
	if err != nil {
		w.err = wrap("writing", w.path, err)
	}
	return n, w.err
}

func (w *pendingWriter) stuck() error {
	if w.err != nil {
		return w.err
	}
	return fmt.Errorf("writing %s: %w", w.path, errPartClosed)
}

// Size implements filesystem.PendingWriter.
func (w *pendingWriter) Size() int64 { return w.size }

// Close implements filesystem.PendingWriter. After an error the part stays for Abort.
func (w *pendingWriter) Close(ctx context.Context) (filesystem.Token, error) {
	if w.err != nil || w.file == nil {
		return filesystem.Token{}, w.stuck()
	}
	if err := ctx.Err(); err != nil {
		return filesystem.Token{}, fmt.Errorf("closing %s: %w", w.path, err)
	}
	if w.err = wrap("closing", w.path, w.finish()); w.err != nil {
		return filesystem.Token{}, w.err
	}
	w.sealed = true
	return filesystem.Token{
		Version: tokenVersion, Target: w.target, Size: w.size, Data: []byte(w.path),
	}, nil
}

// finish makes content and name durable, in this order (F2).
func (w *pendingWriter) finish() error {
	err := w.buffer.Flush()
	if err == nil {
		err = w.file.Sync()
	}
	if err := errors.Join(err, w.release()); err != nil {
		return err
	}
	return w.fs.disk.SyncDir(path.Dir(w.path))
}

// release closes the file and gives the buffer back.
func (w *pendingWriter) release() error {
	w.buffer.Reset(nil)
	w.fs.buffers.Put(w.buffer)
	err := w.file.Close()
	w.buffer, w.file = nil, nil
	return err
}

// Abort implements filesystem.PendingWriter. It works with a cancelled context, too: cleaning up
// is what a cancelled caller still has to do.
func (w *pendingWriter) Abort(context.Context) error {
	if w.sealed {
		return nil
	}
	var err error
	if w.file != nil {
		err = w.release()
	}
	if w.err == nil {
		w.err = fmt.Errorf("writing %s: %w", w.path, errPartClosed)
	}
	return errors.Join(wrap("closing", w.path, err), w.fs.dropTemp(w.path))
}

var _ filesystem.PendingWriter = (*pendingWriter)(nil)
