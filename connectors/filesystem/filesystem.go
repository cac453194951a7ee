package filesystem

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Sentinels of file systems, for callers to branch on.
var (
	// ErrNotFound is returned by Stat, Open, List and ReadFile for a path that is not there.
	ErrNotFound = errors.New("no such file or folder")
	// ErrExists is returned by PublishExclusive when the name is taken.
	ErrExists = errors.New("name is already taken")
	// ErrConflict is returned by Publish when the target exists with another length.
	ErrConflict = errors.New("target exists with another length")
	// ErrMissing is returned by Publish when neither the pending file nor the target exists.
	ErrMissing = errors.New("pending file and target are both missing")
	// ErrDamaged is returned by Publish when the pending file has not the length it was closed
	// with: something outside cut it or wrote to it.
	ErrDamaged = errors.New("pending file has another length than when it was closed")
	// ErrReadOnly marks a write refused by permission or by a read-only mount.
	ErrReadOnly = errors.New("not writable")
	// ErrNoSpace marks a write refused because the device or quota is full.
	ErrNoSpace = errors.New("no space left")
	// ErrToken is returned by Publish and Discard for a token that another kind of file system
	// or a newer version made, or that is damaged.
	ErrToken = errors.New("token is not readable by this file system")
)

// Info describes one file or folder.
type Info struct {
	Path    string
	Size    int64 // bytes; 0 for folders
	ModTime time.Time
	Dir     bool
	// Identity names the file itself rather than its path (device and inode, file id, or an
	// entity tag), so that a rename or a rotation is seen. Empty where a system has none.
	Identity string
}

// Abilities tells what a system can do, so that callers ask for the ability, not for the name.
type Abilities struct {
	// Directories: folders exist of their own (false on object stores).
	Directories bool
	// ExclusivePublish: PublishExclusive really is atomic with one winner. A store log needs it.
	ExclusivePublish bool
	// RangeRead: OpenAt with an offset costs no read of what lies before it.
	RangeRead bool
	// Tail: a file may be read while another process appends to it. A reader that met the end
	// goes on when there is more, also after the file was renamed or removed.
	Tail bool
}

// Token is a durable, versioned description of a pending file: enough to publish or discard it
// from any process. Target and Size are in the clear because callers check and report them.
type Token struct {
	Version uint16
	Target  string // final path
	Size    int64  // bytes
	Data    []byte // the file system's own: temporary path, upload id and part tags, ...
}

// PendingName says where a part will appear and how its pending form may be found again.
// Strays are looked for under Root by Job alone, so both must be equal over a job's life.
type PendingName struct {
	Root   string // base path of the sink
	Job    string // job id; pending forms live in <Root>/.wasmflow/<Job>/ where folders exist
	Part   string // unique name: <prefix>-<job id>-<sink>-<task>-<claim>-<nonce>-<n>
	Target string // final path, below Root
	Claim  uint64 // claim number of the owner, kept with the pending form
	// Readable asks for a pending form that a PendingReader can read. Where every file can be read
	// it changes nothing; in object stores it costs a copy when the part is published.
	Readable bool
}

// SizeUnknown is the size of a stray whose length a listing does not tell.
const SizeUnknown int64 = -1

// Stray is a pending form found by ListStrays.
type Stray struct {
	Token Token  // enough to Discard; its Size may be SizeUnknown
	Part  string // the PendingName's Part
	Claim uint64
}

// PendingWriter writes one part. It is used by one goroutine.
type PendingWriter interface {
	io.Writer
	// Size returns the bytes written so far.
	Size() int64
	// Close makes the part durable and invisible and returns its token (F2).
	Close(ctx context.Context) (Token, error)
	// Abort gives the part up and removes its bytes. Calling it after Close does nothing.
	Abort(ctx context.Context) error
}

// FileSystem is one system, safe for concurrent use.
type FileSystem interface {
	// Scheme returns the URL scheme: "file", "hdfs", "s3".
	Scheme() string
	// Abilities returns what the system can do.
	Abilities() Abilities

	// Stat describes path, or returns ErrNotFound.
	Stat(ctx context.Context, path string) (Info, error)
	// List yields the entries below dir, in path order; with nested also those of its
	// sub-folders. Entries that vanish meanwhile are left out. A missing dir is ErrNotFound.
	List(ctx context.Context, dir string, nested bool) iter.Seq2[Info, error]
	// Open reads path from byte offset on. The caller closes the reader.
	Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error)

	// CreatePending starts a part that stays invisible until Publish (F1).
	CreatePending(ctx context.Context, name PendingName) (PendingWriter, error)
	// Publish makes a closed part visible under its target (F3).
	Publish(ctx context.Context, t Token) error
	// Discard removes a closed part; one that is gone or published is left as it is.
	Discard(ctx context.Context, t Token) error
	// ListStrays yields the pending forms of job below root.
	ListStrays(ctx context.Context, root, job string) iter.Seq2[Stray, error]

	// PublishExclusive makes path appear with exactly data, durable, or returns ErrExists when
	// the name was taken (F4); what stands there is durable then. An error that is not
	// ErrExists leaves the outcome unknown: read the name back.
	PublishExclusive(ctx context.Context, path string, data []byte) error
	// ReadFile returns the whole content of a file of at most sizeMax bytes.
	ReadFile(ctx context.Context, path string, sizeMax int64) ([]byte, error)
	// WriteFile replaces path with data atomically and durably. It is for hints and for
	// content-addressed bytes, never for a decision: it fences nobody.
	WriteFile(ctx context.Context, path string, data []byte) error
	// Remove deletes a file; one that is gone is success.
	Remove(ctx context.Context, path string) error
	// Close releases what the system holds.
	Close() error
}

// Resolver finds the file system of a URL or a plain path and returns it with the path inside.
// Relative paths are resolved against the folder of the job file before they get here.
type Resolver func(ctx context.Context, url string) (FileSystem, string, error)
