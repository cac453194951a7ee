package filesystem

import (
	"context"
	"io"
)

// LiveFiles is the ability of a file system to let readers see a file that still grows. It asks
// for files with several names and for Info.Identity, so object stores do not have it.
type LiveFiles interface {
	// CreateLive makes the new file path and copies the first size bytes of from into it; an
	// empty from makes an empty file. A from that is shorter is ErrDamaged, a path that exists is
	// ErrExists. What the writer gets goes behind the copy.
	CreateLive(ctx context.Context, path, from string, size int64) (LiveWriter, error)
	// Show gives the file path the further name as, durably. With replace it takes the place of
	// whatever file has that name, atomically: readers that have the old one open keep it, and so
	// does a writer, whose bytes are then read by nobody. Without, a taken name is ErrExists. A
	// crash may leave path + ShowSuffix behind, which is one more name of the file.
	Show(ctx context.Context, path, as string, replace bool) error
	// Hide removes one name of a file, durably. A name that is gone is success.
	Hide(ctx context.Context, name string) error
}

// ShowSuffix ends the name that a live file has for a moment while Show replaces another.
const ShowSuffix = ".show"

// LiveWriter appends to a live file. It is used by one goroutine. Its first error stays.
type LiveWriter interface {
	io.Writer
	// Size returns the length of the file with all that was written so far.
	Size() int64
	// Flush shows readers everything that was written.
	Flush() error
	// Sync makes everything that was written durable, the name of the file included.
	Sync(ctx context.Context) error
	// Close releases the writer. What was not flushed may be lost. It is idempotent.
	Close() error
}
