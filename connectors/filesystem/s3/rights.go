package s3

import (
	"context"
	"path"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// checkName ends the key of the upload that CheckWrite begins and ends.
const checkName = ".wasmflow-check"

// CheckRead implements filesystem.RightsChecker.
func (f *FileSystem) CheckRead(ctx context.Context, p string) error {
	info, err := f.Stat(ctx, p)
	if err != nil || info.Dir {
		return err
	}
	r, err := f.Open(ctx, p, 0)
	if err != nil {
		return err
	}
	return r.Close()
}

// CheckWrite implements filesystem.RightsChecker. Servers tell rights by nothing but the attempt, so
// an upload is begun, which shows nothing, and ended.
func (f *FileSystem) CheckWrite(ctx context.Context, dir string) error {
	p := path.Join(dir, checkName)
	id, err := f.create(ctx, p, nil)
	if err != nil {
		return f.wrap("writing to", dir, err)
	}
	return f.wrap("writing to", dir, f.end(ctx, p, id))
}

var _ filesystem.RightsChecker = (*FileSystem)(nil)
