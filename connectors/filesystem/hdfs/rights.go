package hdfs

import (
	"context"
	"errors"
	"path"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// CheckRead implements filesystem.RightsChecker.
func (f *FileSystem) CheckRead(ctx context.Context, p string) error {
	info, err := f.Stat(ctx, p)
	if err != nil {
		return err
	}
	action := "r--"
	if info.Dir {
		action = "r-x"
	}
	return f.wrap("reading", p, f.checkAccess(ctx, p, action))
}

// CheckWrite implements filesystem.RightsChecker.
func (f *FileSystem) CheckWrite(ctx context.Context, dir string) error {
	for {
		_, err := f.Stat(ctx, dir)
		if errors.Is(err, filesystem.ErrNotFound) && dir != "/" {
			dir = path.Dir(dir)
			continue
		}
		if err != nil {
			return err
		}
		return f.wrap("writing to", dir, f.checkAccess(ctx, dir, "-wx"))
	}
}

var _ filesystem.RightsChecker = (*FileSystem)(nil)
