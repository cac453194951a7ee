package hdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"

	hdfsclient "github.com/colinmarc/hdfs/v2"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// tokenVersion is the version of Token.Data: 1 is the path of the pending file.
const tokenVersion uint16 = 1

// Publish implements filesystem.FileSystem. A rename whose answer is lost is followed by a look at
// both names, like everything else that may have happened before.
func (f *FileSystem) Publish(ctx context.Context, t filesystem.Token) error {
	pending, err := pendingOf(t)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", t.Target, err)
	}
	done, err := f.isPublished(ctx, t)
	if err != nil || done {
		return err
	}
	info, err := f.stat(ctx, pending)
	if err == nil && info.Size() != t.Size {
		return fmt.Errorf("publishing %s: %s has %d bytes, not %d: %w",
			t.Target, pending, info.Size(), t.Size, filesystem.ErrDamaged)
	}
	if err == nil {
		err = f.inFolder(ctx, path.Dir(t.Target), func() error {
			return f.meta(ctx, "publishing "+t.Target, func(c *hdfsclient.Client, _ bool) error {
				return c.Rename(pending, t.Target)
			})
		})
	}
	if err == nil {
		return nil
	}
	// Another process may have published the same token meanwhile.
	done, again := f.isPublished(ctx, t)
	switch {
	case again != nil:
		return again
	case done:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("publishing %s from %s: %w", t.Target, pending, filesystem.ErrMissing)
	}
	return f.wrap("publishing", t.Target, err)
}

// isPublished tells whether the target stands with the right length (F3).
func (f *FileSystem) isPublished(ctx context.Context, t filesystem.Token) (bool, error) {
	info, err := f.Stat(ctx, t.Target)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	case info.Dir || info.Size != t.Size:
		return false, fmt.Errorf("publishing %s: there are %d bytes, not %d: %w",
			t.Target, info.Size, t.Size, filesystem.ErrConflict)
	}
	return true, nil
}

// Discard implements filesystem.FileSystem. A writer that still lives is fenced by it.
func (f *FileSystem) Discard(ctx context.Context, t filesystem.Token) error {
	pending, err := pendingOf(t)
	if err != nil {
		return err
	}
	return f.Remove(ctx, pending)
}

// ListStrays implements filesystem.FileSystem.
func (f *FileSystem) ListStrays(
	ctx context.Context, root, job string,
) iter.Seq2[filesystem.Stray, error] {
	return filesystem.Strays(ctx, f, root, job, func(info filesystem.Info) filesystem.Token {
		return filesystem.Token{Version: tokenVersion, Size: info.Size, Data: []byte(info.Path)}
	})
}

// PublishExclusive implements filesystem.FileSystem. Whose file stands under the name is seen by
// the temporary one: while it is there the name was taken by another.
func (f *FileSystem) PublishExclusive(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", p, err)
	}
	temp, err := f.writeTemp(ctx, p, data)
	if err != nil {
		return fmt.Errorf("publishing %s: %w", p, err)
	}
	renamed, err := f.renameExclusive(ctx, temp, p)
	if err == nil && renamed {
		return nil
	}
	mine, again := f.isRenamed(ctx, temp, p, data)
	switch {
	case mine:
		return nil // by a call whose answer was lost
	case err == nil && again != nil:
		err = again // unknown, for the caller to read back
	case err == nil:
		_, err = f.Stat(ctx, p)
		if err == nil {
			err = filesystem.ErrExists
		}
	}
	return errors.Join(f.wrap("publishing", p, err), f.dropTemp(ctx, temp))
}

// isRenamed tells whether the temporary file has become p. That it is gone is not enough: (1) this
// process sleeps before the rename, (2) a newer owner publishes p and clears away temporary files
// that are old, (3) this one finds its file gone and the name there.
func (f *FileSystem) isRenamed(ctx context.Context, temp, p string, data []byte) (bool, error) {
	_, err := f.Stat(ctx, temp)
	if !errors.Is(err, filesystem.ErrNotFound) {
		return false, err
	}
	info, err := f.Stat(ctx, p)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return false, nil
	case err != nil || info.Size != int64(len(data)):
		return false, err
	}
	standing, err := f.ReadFile(ctx, p, info.Size)
	return err == nil && bytes.Equal(standing, data), err
}

// WriteFile implements filesystem.FileSystem.
func (f *FileSystem) WriteFile(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing %s: %w", p, err)
	}
	temp, err := f.writeTemp(ctx, p, data)
	if err != nil {
		return fmt.Errorf("writing %s: %w", p, err)
	}
	err = f.meta(ctx, "replacing "+p, func(c *hdfsclient.Client, again bool) error {
		err := c.Rename(temp, p)
		if again && errors.Is(err, fs.ErrNotExist) {
			return nil // nobody else touches the temporary file: the first call renamed it
		}
		return err
	})
	if err != nil {
		return errors.Join(f.wrap("replacing", p, err), f.dropTemp(ctx, temp))
	}
	return nil
}

// writeTemp writes data to a new temporary file beside p. The caller gives it its name.
func (f *FileSystem) writeTemp(ctx context.Context, p string, data []byte) (string, error) {
	w, err := f.openFile(ctx, f.shared, f.tempPath(p))
	if err != nil {
		return "", err
	}
	if _, err = w.Write(data); err == nil {
		err = w.finish(ctx)
	}
	if err != nil {
		return "", errors.Join(err, w.drop(ctx))
	}
	return w.path, nil
}

func (f *FileSystem) dropTemp(ctx context.Context, temp string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortMax)
	defer cancel()
	return f.Remove(ctx, temp)
}

// pendingOf reads a token.
func pendingOf(t filesystem.Token) (string, error) {
	p := string(t.Data)
	if t.Version != tokenVersion || !filesystem.IsPendingPath(p) {
		return "", fmt.Errorf("reading token of %q, version %d: %w",
			t.Target, t.Version, filesystem.ErrToken)
	}
	return p, nil
}
