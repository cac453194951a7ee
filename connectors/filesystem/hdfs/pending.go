package hdfs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// replicatingMax bounds the wait for DataNodes to report a file that has all its bytes; 81 ms
	// is the longest that was seen.
	replicatingMax = 30 * time.Second
	// Pauses between two questions whether they have.
	replicatingPauseMin = 2 * time.Millisecond
	replicatingPauseMax = 100 * time.Millisecond
	// abortMax bounds the removal of a part that is given up. What stays is found as a stray.
	abortMax = 10 * time.Second
)

// Hadoop's own client takes these where its configuration says nothing.
const (
	replicationDefault = 3
	blockSizeDefault   = 128 << 20
)

// errPartClosed is what a write after Close gets.
var errPartClosed = errors.New("part is closed")

// create makes a new file through lane l.
func (f *FileSystem) create(
	ctx context.Context, l *lane, p string,
) (file *hdfsclient.FileWriter, err error) {
	err = f.inFolder(ctx, path.Dir(p), func() error {
		return f.do(ctx, l, "creating "+p, func(c *hdfsclient.Client, again bool) error {
			file, err = f.createOnce(c, p)
			if again && errors.Is(err, fs.ErrExist) {
				// The first call was carried out and its answer was lost. The name is one that
				// nobody else uses, and the file is empty.
				if err = c.Remove(p); err == nil {
					file, err = f.createOnce(c, p)
				}
			}
			return err
		})
	})
	return file, f.wrap("creating", p, err)
}

func (f *FileSystem) createOnce(c *hdfsclient.Client, p string) (*hdfsclient.FileWriter, error) {
	replication, blockSize := f.options.Replication, f.options.BlockSize
	if replication == 0 && blockSize == 0 {
		return c.Create(p) // with the defaults of the server
	}
	if replication == 0 {
		replication = replicationDefault
	}
	if blockSize == 0 {
		blockSize = blockSizeDefault
	}
	return c.CreateFile(p, replication, blockSize, 0o644)
}

// CreatePending implements filesystem.FileSystem. The name must be new.
func (f *FileSystem) CreatePending(
	ctx context.Context, name filesystem.PendingName,
) (filesystem.PendingWriter, error) {
	if err := errors.Join(ctx.Err(), name.Validate()); err != nil {
		return nil, fmt.Errorf("creating part %s: %w", name.Part, err)
	}
	w := &pendingWriter{target: name.Target}
	l := f.lanes[f.next.Add(1)%writeLanes]
	var err error
	if w.file, err = f.openFile(ctx, l, name.PendingPath()); err != nil {
		return nil, err
	}
	w.buffer = f.buffers.Get().(*bufio.Writer)
	w.buffer.Reset(w.file)
	return w, nil
}

// pendingWriter writes one part.
type pendingWriter struct {
	file   *file
	target string
	buffer *bufio.Writer // nil once closed or aborted
	size   int64
	err    error // the first error stays (F5)
	sealed bool  // Close returned a token
}

// Write implements io.Writer.
func (w *pendingWriter) Write(p []byte) (int, error) {
	if w.err != nil || w.buffer == nil {
		return 0, w.stuck()
	}
	n, err := w.buffer.Write(p)
	w.size += int64(n)
	w.err = err
	return n, err
}

func (w *pendingWriter) stuck() error {
	if w.err != nil {
		return w.err
	}
	return fmt.Errorf("writing %s: %w", w.file.path, errPartClosed)
}

// Size implements filesystem.PendingWriter.
func (w *pendingWriter) Size() int64 { return w.size }

// Close implements filesystem.PendingWriter. After an error the part stays for Abort.
func (w *pendingWriter) Close(ctx context.Context) (filesystem.Token, error) {
	if w.err != nil || w.buffer == nil {
		return filesystem.Token{}, w.stuck()
	}
	if err := ctx.Err(); err != nil {
		return filesystem.Token{}, fmt.Errorf("closing %s: %w", w.file.path, err)
	}
	w.err = w.buffer.Flush()
	w.release()
	if w.err == nil {
		w.err = w.file.finish(ctx)
	}
	if w.err != nil {
		return filesystem.Token{}, w.err
	}
	w.sealed = true
	return filesystem.Token{
		Version: tokenVersion, Target: w.target, Size: w.size, Data: []byte(w.file.path),
	}, nil
}

func (w *pendingWriter) release() {
	w.buffer.Reset(nil)
	w.file.fs.buffers.Put(w.buffer)
	w.buffer = nil
}

// Abort implements filesystem.PendingWriter. It works with a cancelled context, too.
func (w *pendingWriter) Abort(ctx context.Context) error {
	if w.sealed {
		return nil
	}
	if w.buffer != nil {
		w.release()
	}
	if w.err == nil {
		w.err = fmt.Errorf("writing %s: %w", w.file.path, errPartClosed)
	}
	return w.file.drop(ctx)
}

// file is a file that is written once, fail-stop (D1).
type file struct {
	fs   *FileSystem
	path string
	to   *hdfsclient.FileWriter
	size int64
	err  error
	over bool // closed or dropped
}

func (f *FileSystem) openFile(ctx context.Context, l *lane, p string) (*file, error) {
	to, err := f.create(ctx, l, p)
	if err != nil {
		return nil, err
	}
	return &file{fs: f, path: p, to: to}, nil
}

// Write implements io.Writer. What the library counts as written may be in its buffers. An empty
// write would make it begin a block that no DataNode ever hears of, and the file would never close.
func (w *file) Write(p []byte) (int, error) {
	if w.err != nil || len(p) == 0 {
		return 0, w.err
	}
	n, err := w.timed(func() (int, error) { return w.to.Write(p) })
	w.size += int64(n)
	w.err = w.fs.wrap("writing", w.path, err)
	return n, w.err
}

// timed runs do within a deadline. It ends with do: the library keeps an idle connection alive by
// itself, for which the deadline would be a fault.
func (w *file) timed(do func() (int, error)) (int, error) {
	if err := w.to.SetDeadline(time.Now().Add(transferMax)); err != nil {
		return 0, err
	}
	n, err := do()
	if err == nil {
		err = w.to.SetDeadline(time.Time{})
	}
	return n, err
}

// finish closes the file and compares its length (D2).
func (w *file) finish(ctx context.Context) error {
	if w.err == nil {
		w.err = w.fs.wrap("closing", w.path, w.complete(ctx))
	}
	if w.err != nil {
		return w.err
	}
	w.over = true
	info, err := w.fs.stat(ctx, w.path)
	switch {
	case err != nil:
		w.err = w.fs.wrap("describing", w.path, err)
	case info.Size() != w.size:
		w.err = fmt.Errorf("closing %s: the NameNode has %d bytes of %d", w.path, info.Size(),
			w.size)
	}
	return w.err
}

// complete closes the file. All bytes are stored when the library says that replicas are missing,
// as long as nothing failed before; anything else ends it.
func (w *file) complete(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, replicatingMax)
	defer cancel()
	for pause := replicatingPauseMin; ; pause = min(2*pause, replicatingPauseMax) {
		if err := w.to.SetDeadline(time.Now().Add(transferMax)); err != nil {
			return err
		}
		err := w.to.Close()
		if !hdfsclient.IsErrReplicating(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-waiting.Done():
			timer.Stop()
			return fmt.Errorf("waiting for replicas: %w", errors.Join(waiting.Err(), err))
		}
	}
}

// drop removes the file. Its writer is closed after that, when nothing can come of it any more, to
// end what the library does beside it; it must not be closed before (D1).
func (w *file) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortMax)
	defer cancel()
	err := w.fs.Remove(ctx, w.path)
	if !w.over {
		w.over = true
		_ = w.to.SetDeadline(time.Unix(1, 0))
		_ = w.to.Close()
	}
	if w.err == nil {
		w.err = fmt.Errorf("writing %s: %w", w.path, os.ErrClosed)
	}
	return err
}

var _ filesystem.PendingWriter = (*pendingWriter)(nil)
