//go:build unix

package modules

import (
	"context"
	"io"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

func TestWhatIsNoFileIsNotOpened(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.wasm")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	module := write(t, "x.wasm", binary)
	for _, c := range []struct {
		name          string
		source        Source
		setting, want string
	}{
		{"a pipe", Source{Ref: pipe}, SettingPath,
			pipe + ": cannot be read: it is a pipe, not a regular file; name a .wasm file"},
		{"a device", Source{Ref: "/dev/null"}, SettingPath, "it is a device, not a regular file"},
		{"a key that is a pipe", Source{Ref: module, PublicKey: pipe}, SettingPublicKey,
			"it is a pipe, not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := refusal(t, newLoader(t), c.source)
			require.Equal(t, c.setting, e.Setting)
			require.Contains(t, e.Error(), c.want)
		})
	}
}

// hanging is a mount whose server is gone: no open returns.
type hanging struct {
	filesystem.FileSystem
	opened, over chan struct{}
}

func (h *hanging) Open(context.Context, string, int64) (io.ReadCloser, error) {
	close(h.opened)
	<-h.over
	return nil, io.ErrUnexpectedEOF
}

func TestAMountThatHangsIsLeftToItself(t *testing.T) {
	h := &hanging{opened: make(chan struct{}), over: make(chan struct{})}
	defer close(h.over)
	l := New(Config{FileSystems: func(context.Context, string) (filesystem.FileSystem, string, error) {
		return h, "/x.wasm", nil
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with the open
		<-h.opened
		cancel()
	}()
	_, err := l.Load(ctx, Source{Ref: "file:///x.wasm"})
	require.ErrorIs(t, err, context.Canceled)
}
