package fstest

import (
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// write makes a file with data and syncs what sync names: "file", "folder", "both" or "".
func write(t *testing.T, d *Disk, dir, name, data, sync string) {
	t.Helper()
	f, err := d.Create(dir + "/" + name)
	require.NoError(t, err)
	_, err = io.WriteString(f, data)
	require.NoError(t, err)
	if sync == "file" || sync == "both" {
		require.NoError(t, f.Sync())
	}
	require.NoError(t, f.Close())
	if sync == "folder" || sync == "both" {
		require.NoError(t, d.SyncDir(dir))
	}
}

func read(d *Disk, p string) string {
	r, err := d.Open(p)
	if err != nil {
		return err.(interface{ Unwrap() error }).Unwrap().Error()
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

const gone = "no such file or directory"

func TestCrashLosesWhatIsNotSynced(t *testing.T) {
	tests := []struct{ sync, want string }{
		{"both", "hello"},
		{"file", gone},
		{"folder", ""},
		{"", gone},
	}
	for _, tt := range tests {
		t.Run("synced "+tt.sync, func(t *testing.T) {
			d := NewDisk()
			write(t, d, "/", "a", "hello", tt.sync)
			require.Equal(t, tt.want, read(d.CrashClone(1, 0), "/a"))
			require.Equal(t, "hello", read(d.CrashClone(1, 100), "/a"))
			require.Equal(t, "hello", read(d.Clone(), "/a"))
		})
	}
}

func TestCrashLosesSyncedFileInUnsyncedFolder(t *testing.T) {
	d := NewDisk()
	require.NoError(t, d.Mkdir("/dir"))
	write(t, d, "/dir", "a", "hello", "both")
	require.Equal(t, gone, read(d.CrashClone(1, 0), "/dir/a"))
	require.NoError(t, d.SyncDir("/"))
	require.Equal(t, "hello", read(d.CrashClone(1, 0), "/dir/a"))
}

func TestCrashUndoesUnlinkAndRename(t *testing.T) {
	d := NewDisk()
	write(t, d, "/", "a", "old", "both")
	write(t, d, "/", "b", "new", "both")
	require.NoError(t, d.Rename("/b", "/a"))
	require.Equal(t, "new", read(d, "/a"))
	lost := d.CrashClone(1, 0)
	require.Equal(t, "old", read(lost, "/a"))
	require.Equal(t, "new", read(lost, "/b"))
	require.NoError(t, d.SyncDir("/"))
	kept := d.CrashClone(1, 0)
	require.Equal(t, "new", read(kept, "/a"))
	require.Equal(t, gone, read(kept, "/b"))
}

func TestCrashKeepsSyncedPrefixAndTearsTail(t *testing.T) {
	d := NewDisk()
	f, err := d.Create("/a")
	require.NoError(t, err)
	_, err = io.WriteString(f, "synced")
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.NoError(t, d.SyncDir("/"))
	_, err = io.WriteString(f, "tail")
	require.NoError(t, err)

	outcomes := map[string]bool{}
	for seed := range uint64(200) {
		got := read(d.CrashClone(seed, 50), "/a")
		require.Equal(t, "synced", got[:6], "seed %d", seed)
		require.LessOrEqual(t, len(got), len("syncedtail"))
		require.Equal(t, got, read(d.CrashClone(seed, 50), "/a"), "seed %d repeats", seed)
		outcomes[got] = true
	}
	require.True(t, outcomes["synced"] && outcomes["syncedtail"])
	require.True(t, outcomes["syncedta"+"\x00\x00"] || outcomes["synced\x00\x00\x00\x00"],
		"no crash left zeros: %q", outcomes)
}

func TestCloneIsApart(t *testing.T) {
	d := NewDisk()
	write(t, d, "/", "a", "hello", "file")
	require.NoError(t, d.Link("/a", "/b"))
	c := d.Clone()
	require.NoError(t, d.Unlink("/a"))
	require.Equal(t, "hello", read(c, "/a"))
	// The copy knows what is synced as the original did, and that both names are one file.
	require.Equal(t, gone, read(c.CrashClone(1, 0), "/a"))
	a, err := c.Stat("/a")
	require.NoError(t, err)
	b, err := c.Stat("/b")
	require.NoError(t, err)
	require.Equal(t, a.Identity, b.Identity)
}

func TestDiskErrors(t *testing.T) {
	d := NewDisk()
	require.NoError(t, d.Mkdir("/dir"))
	write(t, d, "/", "a", "x", "both")
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"create taken", second(d.Create("/a")), syscall.EEXIST},
		{"create in nothing", second(d.Create("/no/a")), syscall.ENOENT},
		{"create in file", second(d.Create("/a/b")), syscall.ENOTDIR},
		{"append to folder", second(d.Append("/dir")), syscall.EISDIR},
		{"open folder", second(d.Open("/dir")), syscall.EISDIR},
		{"stat nothing", second(d.Stat("/no")), syscall.ENOENT},
		{"list file", second(d.ReadDir("/a")), syscall.ENOTDIR},
		{"mkdir taken", d.Mkdir("/dir"), syscall.EEXIST},
		{"link over taken", d.Link("/a", "/dir"), syscall.EEXIST},
		{"link folder", d.Link("/dir", "/b"), syscall.EPERM},
		{"rename nothing", d.Rename("/no", "/b"), syscall.ENOENT},
		{"rename over folder", d.Rename("/a", "/dir"), syscall.EISDIR},
		{"unlink folder", d.Unlink("/dir"), syscall.EISDIR},
		{"sync file as folder", d.SyncDir("/a"), syscall.ENOTDIR},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.ErrorIs(t, tt.err, tt.want) })
	}
	require.Equal(t, "x", read(d, "/a"))
}

func second[T any](_ T, err error) error { return err }
