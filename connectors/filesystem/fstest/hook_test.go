package fstest

import (
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
	"github.com/wasmflow/wasmflow/connectors/filesystem/local"
)

var errTest = errors.New("as the test wants")

func TestHooksOnDisk(t *testing.T) {
	mem := NewDisk()
	d := WrapDisk(mem,
		FailWhen(Nth(Create, 2), errTest), LoseReply(Nth(Link, 1), errTest), NoSpaceAfter(7))
	f, err := d.Create("/a")
	require.NoError(t, err)
	_, err = d.Create("/b")
	require.ErrorIs(t, err, errTest)
	require.Equal(t, gone, read(mem, "/b"))

	require.ErrorIs(t, d.Link("/a", "/c"), errTest)
	n, err := io.WriteString(f, "hello")
	require.NoError(t, err)
	require.Equal(t, 5, n)
	require.Equal(t, "hello", read(mem, "/c"), "the link is done, only its answer is lost")
	n, err = io.WriteString(f, "world")
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 2, n)
	require.Equal(t, "hellowo", read(mem, "/a"))
}

func TestCrashAtStopsEverything(t *testing.T) {
	mem := NewDisk()
	d := WrapDisk(mem, CrashAt(2))
	f, err := d.Create("/a")
	require.NoError(t, err)
	_, err = io.WriteString(f, "x")
	require.ErrorIs(t, err, ErrCrashed)
	require.ErrorIs(t, f.Sync(), ErrCrashed)
	require.ErrorIs(t, d.Mkdir("/dir"), ErrCrashed)
	require.Equal(t, "", read(mem, "/a"))
}

func TestHooksOnFileSystem(t *testing.T) {
	ctx := t.Context()
	r := &Recorder{Root: "/base"}
	fs := Wrap(local.New(local.Options{Disk: NewDisk()}), r.Hook,
		LoseReply(Nth(Publish, 1), errTest), FailWhen(Nth(Write, 2), errTest))
	name := filesystem.PendingName{Root: "/base", Job: "j", Part: "p", Target: "/base/p"}
	w, err := fs.CreatePending(ctx, name)
	require.NoError(t, err)
	_, err = io.WriteString(w, "hello")
	require.NoError(t, err)
	token, err := w.Close(ctx)
	require.NoError(t, err)

	require.ErrorIs(t, fs.Publish(ctx, token), errTest)
	data, err := fs.ReadFile(ctx, "/base/p", 10)
	require.NoError(t, err)
	require.Equal(t, "hello", string(data))
	require.NoError(t, fs.Publish(ctx, token))

	r.Note("a part that fails")
	name.Part, name.Target = "q", "/base/q"
	w, err = fs.CreatePending(ctx, name)
	require.NoError(t, err)
	_, err = io.WriteString(w, "x")
	require.ErrorIs(t, err, errTest)
	_, err = w.Close(ctx)
	require.ErrorIs(t, err, errTest, "the first error stays")
	require.NoError(t, w.Abort(ctx))
	require.Equal(t, `create pending ./p
write ./p (5 bytes)
close ./p
publish ./p
publish ./p
# a part that fails
create pending ./q
write ./q (1 bytes)
abort ./q
`, r.String())
}

func TestHooksFailListings(t *testing.T) {
	ctx := t.Context()
	fs := Wrap(local.New(local.Options{Disk: NewDisk()}),
		FailWhen(func(op Op) bool { return op.Kind.Reads() }, errTest))
	for _, err := range fs.List(ctx, "/", true) {
		require.ErrorIs(t, err, errTest)
	}
	for _, err := range fs.ListStrays(ctx, "/", "j") {
		require.ErrorIs(t, err, errTest)
	}
	_, err := fs.Stat(ctx, "/")
	require.ErrorIs(t, err, errTest)
}
