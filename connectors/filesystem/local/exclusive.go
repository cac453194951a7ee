package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// PublishExclusive implements filesystem.FileSystem. The link is the decision: it fails when the
// name exists, where a rename would replace it and fence nobody (L2).
func (f *FileSystem) PublishExclusive(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("publishing %s: %w", p, err)
	}
	temp, err := f.writeTemp(p, data)
	if err != nil {
		return fmt.Errorf("publishing %s: %w", p, err)
	}
	err = f.disk.Link(temp, p)
	if errors.Is(err, fs.ErrExist) {
		// Whoever made the name may have crashed before its sync, and the caller acts on it.
		if err := f.disk.SyncDir(path.Dir(p)); err != nil {
			return errors.Join(wrap("syncing the folder of", p, err), f.dropTemp(temp))
		}
		return errors.Join(fmt.Errorf("publishing %s: %w", p, filesystem.ErrExists),
			f.dropTemp(temp))
	}
	if err != nil {
		return errors.Join(wrap("publishing", p, err), f.dropTemp(temp))
	}
	if err := f.disk.SyncDir(path.Dir(p)); err != nil {
		return errors.Join(wrap("syncing the folder of", p, err), f.dropTemp(temp))
	}
	return f.dropTemp(temp)
}

// WriteFile implements filesystem.FileSystem.
func (f *FileSystem) WriteFile(ctx context.Context, p string, data []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing %s: %w", p, err)
	}
	temp, err := f.writeTemp(p, data)
	if err != nil {
		return fmt.Errorf("writing %s: %w", p, err)
	}
	if err := f.disk.Rename(temp, p); err != nil {
		return errors.Join(wrap("replacing", p, err), f.dropTemp(temp))
	}
	return wrap("syncing the folder of", p, f.disk.SyncDir(path.Dir(p)))
}
