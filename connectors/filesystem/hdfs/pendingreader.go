package hdfs

import (
	"context"
	"io"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// OpenPending implements filesystem.PendingReader.
func (f *FileSystem) OpenPending(
	ctx context.Context, t filesystem.Token, offset int64,
) (io.ReadCloser, error) {
	pending, err := pendingOf(t)
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, pending, offset)
}

var _ filesystem.PendingReader = (*FileSystem)(nil)
