package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func TestPath(t *testing.T) {
	tests := []struct{ location, want, err string }{
		{location: "/a/b/../c/", want: "/a/c"},
		{location: "/a%20b", want: "/a%20b"},
		{location: "file:///a%20b", want: "/a b"},
		{location: "file:/a", want: "/a"},
		{location: "file://localhost/a", want: "/a"},
		{location: "file://host/a", err: "names host"},
		{location: "file:a", err: "no absolute path"},
		{location: "a/b", err: "no absolute path"},
		{location: "/a\x00", err: "no absolute path"},
		{location: "file:///%zz", err: "reading location"},
	}
	for _, tt := range tests {
		t.Run(tt.location, func(t *testing.T) {
			got, err := Path(tt.location)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestPartAppearsAtPublishOnly(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	f := New(Options{})
	name := filesystem.PendingName{
		Root: root, Job: "job", Part: "part-0", Target: root + "/a/b/part-0", Claim: 3,
	}
	w, err := f.CreatePending(ctx, name)
	require.NoError(t, err)
	_, err = w.Write([]byte("hello\n"))
	require.NoError(t, err)
	token, err := w.Close(ctx)
	require.NoError(t, err)
	require.Equal(t, int64(6), token.Size)
	require.NoFileExists(t, name.Target)

	require.NoError(t, f.Publish(ctx, token))
	require.NoError(t, f.Publish(ctx, token))
	got, err := os.ReadFile(name.Target)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(got))
	left, err := os.ReadDir(filesystem.Staging(root, "job"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestPublishRefusesDamagedPart(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	f := New(Options{})
	name := filesystem.PendingName{Root: root, Job: "job", Part: "part", Target: root + "/part"}
	w, err := f.CreatePending(ctx, name)
	require.NoError(t, err)
	_, err = w.Write([]byte("hello\n"))
	require.NoError(t, err)
	token, err := w.Close(ctx)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name.PendingPath(), 3))
	require.ErrorIs(t, f.Publish(ctx, token), filesystem.ErrDamaged)
	require.NoFileExists(t, name.Target)
	require.FileExists(t, name.PendingPath())
}

func TestPublishSurvivesRemovedFolder(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	f := New(Options{})
	for _, part := range []string{"one", "two"} {
		w, err := f.CreatePending(ctx, filesystem.PendingName{
			Root: root, Job: "job", Part: part, Target: root + "/bucket/" + part,
		})
		require.NoError(t, err)
		token, err := w.Close(ctx)
		require.NoError(t, err)
		require.NoError(t, f.Publish(ctx, token))
		require.FileExists(t, root+"/bucket/"+part)
		// A user clears the bucket, the folder included, while the job runs.
		require.NoError(t, os.RemoveAll(root+"/bucket"))
	}
}

func TestListSkipsWhatIsNoFile(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	require.NoError(t, os.MkdirAll(root+"/dir/deep", 0o755))
	require.NoError(t, os.WriteFile(root+"/dir/file", []byte("x"), 0o644))
	require.NoError(t, os.WriteFile(root+"/dir.txt", []byte("xy"), 0o644))
	require.NoError(t, os.Symlink(root+"/dir.txt", root+"/link.txt"))
	require.NoError(t, os.Symlink(root+"/dir", root+"/linked"))
	require.NoError(t, os.Symlink(root, root+"/dir/circle"))
	require.NoError(t, os.Symlink(root+"/nowhere", root+"/dangling"))

	var got []string
	for info, err := range New(Options{}).List(ctx, root, true) {
		require.NoError(t, err)
		name, _ := filepath.Rel(root, info.Path)
		if info.Dir {
			name += "/"
		}
		got = append(got, name)
	}
	require.Equal(t,
		"dir/ dir.txt dir/circle/ dir/deep/ dir/file link.txt linked/", strings.Join(got, " "))
}

func TestIdentitySurvivesRename(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	f := New(Options{})
	require.NoError(t, os.WriteFile(root+"/log", []byte("x"), 0o644))
	before, err := f.Stat(ctx, root+"/log")
	require.NoError(t, err)
	require.NoError(t, os.Rename(root+"/log", root+"/log.1"))
	require.NoError(t, os.WriteFile(root+"/log", []byte("x"), 0o644))
	rotated, err := f.Stat(ctx, root+"/log.1")
	require.NoError(t, err)
	fresh, err := f.Stat(ctx, root+"/log")
	require.NoError(t, err)
	require.Equal(t, before.Identity, rotated.Identity)
	require.NotEqual(t, before.Identity, fresh.Identity)
}

func TestTokenNamesOnlyPendingFiles(t *testing.T) {
	ctx := context.Background()
	root := t.TempDir()
	victim := root + "/victim"
	require.NoError(t, os.WriteFile(victim, nil, 0o644))
	f := New(Options{})
	for _, p := range []string{
		victim, "", "relative/.wasmflow/j/p.1.pending", root + "/.wasmflow/j/../../victim",
		root + "/other/j/p.1.pending",
	} {
		token := filesystem.Token{Version: 1, Target: root + "/t", Data: []byte(p)}
		require.ErrorIs(t, f.Discard(ctx, token), filesystem.ErrToken, p)
		require.ErrorIs(t, f.Publish(ctx, token), filesystem.ErrToken, p)
	}
	newer := filesystem.Token{Version: 2, Data: []byte(root + "/.wasmflow/j/p.1.pending")}
	require.ErrorIs(t, f.Publish(ctx, newer), filesystem.ErrToken)
	require.FileExists(t, victim)
}

func TestFullDeviceIsNoSpace(t *testing.T) {
	device := openFullDevice(t)
	f := New(Options{Disk: fullDisk{OS(), device}})
	ctx := context.Background()
	root := t.TempDir()
	w, err := f.CreatePending(ctx, filesystem.PendingName{
		Root: root, Job: "job", Part: "part", Target: root + "/part",
	})
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 2*writeBufferBytes))
	require.ErrorIs(t, err, filesystem.ErrNoSpace)
	require.ErrorContains(t, err, "writing "+root)
	_, again := w.Write([]byte("x"))
	require.Equal(t, err, again)
	_, again = w.Close(ctx)
	require.Equal(t, err, again)
	require.NoError(t, w.Abort(ctx))
	require.ErrorIs(t, f.PublishExclusive(ctx, root+"/name", []byte("x")), filesystem.ErrNoSpace)
	require.NoFileExists(t, root+"/name")
}

// openFullDevice returns how to open a file that takes nothing: the device that systems have for
// it or, where there is none, a file that answers as that would.
func openFullDevice(t *testing.T) func() (File, error) {
	t.Helper()
	const device = "/dev/full"
	_, err := os.Stat(device)
	if errors.Is(err, fs.ErrNotExist) {
		return func() (File, error) { return fullFile{}, nil }
	}
	require.NoError(t, err)
	return func() (File, error) { return os.OpenFile(device, os.O_WRONLY, 0) }
}

// fullFile takes no byte.
type fullFile struct{}

func (fullFile) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/full", Err: syscall.ENOSPC}
}
func (fullFile) Sync() error  { return nil }
func (fullFile) Close() error { return nil }

// fullDisk gives a full file wherever one is created.
type fullDisk struct {
	Disk
	open func() (File, error)
}

func (d fullDisk) Create(path string) (File, error) {
	f, err := d.Disk.Create(path)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return d.open()
}

func TestPrivateDiskHidesFromOthers(t *testing.T) {
	dir := t.TempDir()
	f := New(Options{Disk: PrivateOS()})
	require.NoError(t, f.WriteFile(t.Context(), dir+"/store/job", []byte("x")))
	for name, want := range map[string]os.FileMode{"/store": 0o700, "/store/job": 0o600} {
		info, err := os.Stat(dir + name)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm(), name)
	}
}

// noRights is a disk on which this process may do nothing.
type noRights struct{ Disk }

func (noRights) Access(string, uint32) error { return syscall.EACCES }

// silentDisk knows nothing of rights.
type silentDisk struct{ Disk }

func TestRights(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/file", nil, 0o600))
	for _, c := range []struct {
		name        string
		disk        Disk
		read, write string // paths below dir
		want        error  // of both; nil is none
		path        string // that the errors name
	}{
		{"allowed", OS(), "/file", "", nil, ""},
		{"folder", OS(), "", "", nil, ""},
		{"missing folders can be made", OS(), "", "/a/b/c", nil, ""},
		{"forbidden", noRights{OS()}, "/file", "", filesystem.ErrReadOnly, ""},
		{"forbidden above what is missing", noRights{OS()}, "", "/a/b", filesystem.ErrReadOnly, ""},
		{"nothing there to read", OS(), "/none", "/file/x", filesystem.ErrNotFound, "/file"},
		{"nobody can tell", silentDisk{OS()}, "/none", "/file/x", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := New(Options{Disk: c.disk})
			read := filesystem.CheckRead(t.Context(), f, dir+c.read)
			write := filesystem.CheckWrite(t.Context(), f, dir+c.write)
			if c.want == nil {
				require.NoError(t, errors.Join(read, write))
				return
			}
			require.ErrorIs(t, read, c.want)
			require.ErrorContains(t, read, dir+c.read)
			require.ErrorIs(t, write, c.want)
			require.ErrorContains(t, write, dir+c.path)
		})
	}
}
