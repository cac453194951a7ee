package simulation

import (
	"context"
	"iter"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

// buggyDisk leaves out syncs.
type buggyDisk struct {
	local.Disk
	bug Bug
}

func (d buggyDisk) Create(p string) (local.File, error) {
	f, err := d.Disk.Create(p)
	if err != nil || d.bug != BugSkipFileSync {
		return f, err
	}
	return unsyncedFile{f}, nil
}

func (d buggyDisk) SyncDir(dir string) error {
	if d.bug == BugSkipFolderSync {
		return nil
	}
	return d.Disk.SyncDir(dir)
}

type unsyncedFile struct{ local.File }

func (unsyncedFile) Sync() error { return nil }

// buggyStore is the file system that the log works on: a disk, or with delays a remote system.
type buggyStore struct {
	filesystem.FileSystem
	bug Bug
	// deciding is set while Decide runs.
	deciding *bool
	// delay may put a publication off; true is that it did.
	delay func(p string, data []byte) bool
}

// PublishExclusive replaces the name with BugRenameFence, as a rename does. Sometimes it fails and
// is carried out later all the same, like a call to a remote system whose connection broke.
func (s buggyStore) PublishExclusive(ctx context.Context, p string, data []byte) error {
	switch {
	case s.bug == BugRenameFence:
		return s.WriteFile(ctx, p, data)
	case s.delay(p, data):
		return errIO
	}
	return s.FileSystem.PublishExclusive(ctx, p, data)
}

// List hides every record from Decide with BugNoListing.
func (s buggyStore) List(
	ctx context.Context, dir string, nested bool,
) iter.Seq2[filesystem.Info, error] {
	if s.bug != BugNoListing || !*s.deciding {
		return s.FileSystem.List(ctx, dir, nested)
	}
	return func(yield func(filesystem.Info, error) bool) {
		for info, err := range s.FileSystem.List(ctx, dir, nested) {
			if !strings.Contains(info.Path, "/epoch-") && !yield(info, err) {
				return
			}
		}
	}
}
