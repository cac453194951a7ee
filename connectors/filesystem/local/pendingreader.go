package local

import (
	"context"
	"io"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// OpenPending implements filesystem.PendingReader.
func (f *FileSystem) OpenPending(
	ctx context.Context, t filesystem.Token,
) (io.ReadCloser, error) {
	pending, err := pendingOf(t)
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, pending, 0)
}

var _ filesystem.PendingReader = (*FileSystem)(nil)
