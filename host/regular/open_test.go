//go:build unix

package regular_test

import (
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/regular"
)

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir) // the path of a socket has to be short
	require.NoError(t, os.WriteFile("file", []byte("content"), 0o600))
	require.NoError(t, os.Symlink("file", "link"))
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	require.NoError(t, os.Symlink("pipe", "link to a pipe"))
	socket, err := new(net.ListenConfig).Listen(t.Context(), "unix", "socket")
	require.NoError(t, err)
	defer socket.Close()
	for _, tt := range []struct {
		path string
		is   error
		want string // of the error; "" is none
	}{
		{"file", nil, ""},
		{"link", nil, ""},
		{filepath.Join(dir, "file"), nil, ""},
		{"none", fs.ErrNotExist, "no such file"},
		{".", syscall.EISDIR, "is a directory"},
		{"pipe", regular.ErrIrregular, "it is a pipe, not a regular file"},
		{"link to a pipe", regular.ErrIrregular, "it is a pipe, not a regular file"},
		{"socket", regular.ErrIrregular, "it is a socket, not a regular file"},
		{os.DevNull, regular.ErrIrregular, "it is a device, not a regular file"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			f, err := regular.Open(tt.path)
			if tt.want == "" {
				require.NoError(t, err)
				data, err := io.ReadAll(f)
				require.NoError(t, err)
				require.Equal(t, "content", string(data))
				require.NoError(t, f.Close())
				return
			}
			require.Nil(t, f)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.want)
			var path *fs.PathError
			require.ErrorAs(t, err, &path)
			require.Equal(t, tt.path, path.Path)
		})
	}
}
