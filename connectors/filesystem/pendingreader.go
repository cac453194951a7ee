package filesystem

import (
	"context"
	"io"
)

// PendingReader is the ability of a file system to read what is not published yet, of parts whose
// PendingName says Readable.
type PendingReader interface {
	// OpenPending reads a closed part from byte offset on. It is ErrNotFound for one that was
	// published or discarded. The caller closes the reader.
	OpenPending(ctx context.Context, t Token, offset int64) (io.ReadCloser, error)
}
