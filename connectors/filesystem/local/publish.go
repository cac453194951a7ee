package local

import (
	"context"
	"fmt"
	"iter"
	"path"

	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// tokenVersion is the version of Token.Data: 1 is the path of the pending file.
const tokenVersion uint16 = 1

// Publish implements filesystem.FileSystem.
func (f *FileSystem) Publish(ctx context.Context, t filesystem.Token) error {
	pending, err := pendingOf(t)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", t.Target, err)
	}
	done, err := f.isPublished(t)
	if err != nil {
		return err
	}
	if !done {
		if err := f.link(pending, t); err != nil {
			return err
		}
	}
	// Also when the name stood there already: whoever made it may have crashed before this.
	if err := f.disk.SyncDir(path.Dir(t.Target)); err != nil {
		return wrap("syncing the folder of", t.Target, err)
	}
	return f.dropTemp(pending) // L3
}

// link gives the pending file its target's name. Another process may be publishing the same
// token: (1) both find no target, (2) the other links and unlinks the pending name, (3) our link
// meets a taken name, or no pending file any more. Looking again tells success from loss.
func (f *FileSystem) link(pending string, t filesystem.Token) error {
	e, err := f.disk.Stat(pending)
	if err == nil && e.Size != t.Size {
		return fmt.Errorf("publishing %s: %s has %d bytes, not %d: %w",
			t.Target, pending, e.Size, t.Size, filesystem.ErrDamaged)
	}
	if err == nil {
		err = f.inFolder(path.Dir(t.Target), func() error {
			return f.disk.Link(pending, t.Target)
		})
	}
	if err == nil {
		return failpoint.Hit("local/after-link")
	}
	done, again := f.isPublished(t)
	switch {
	case again != nil:
		return again
	case done:
		return nil
	case isGone(err):
		return fmt.Errorf("publishing %s from %s: %w", t.Target, pending, filesystem.ErrMissing)
	}
	return wrap("publishing", t.Target, err)
}

// isPublished tells whether the target stands with the right length (F3).
func (f *FileSystem) isPublished(t filesystem.Token) (bool, error) {
	e, err := f.disk.Stat(t.Target)
	switch {
	case isGone(err):
		return false, nil
	case err != nil:
		return false, wrap("describing", t.Target, err)
	case !e.Mode.IsRegular() || e.Size != t.Size:
		return false, fmt.Errorf("publishing %s: there are %d bytes, not %d: %w",
			t.Target, e.Size, t.Size, filesystem.ErrConflict)
	}
	return true, nil
}

// Discard implements filesystem.FileSystem.
func (f *FileSystem) Discard(_ context.Context, t filesystem.Token) error {
	pending, err := pendingOf(t)
	if err != nil {
		return err
	}
	if err := f.disk.Unlink(pending); err != nil && !isGone(err) {
		return wrap("discarding", pending, err)
	}
	return nil
}

// ListStrays implements filesystem.FileSystem.
func (f *FileSystem) ListStrays(
	ctx context.Context, root, job string,
) iter.Seq2[filesystem.Stray, error] {
	return filesystem.Strays(ctx, f, root, job, func(info filesystem.Info) filesystem.Token {
		return filesystem.Token{Version: tokenVersion, Size: info.Size, Data: []byte(info.Path)}
	})
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
