package hostile_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
	"github.com/wasmflow/wasmflow/host/operator"
)

// stays runs a fixture that looks for a way out, and requires that it found none.
func stays(t *testing.T, name string) {
	t.Helper()
	var l logs
	back, faults, err := run(t, transform(t, fixture(t, name), &l), batch(0, values[:]...))
	require.NoError(t, err)
	require.Empty(t, faults)
	require.Equal(t, values[:], back)
}

func TestAGuestReachesNoFiles(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	const text = "what stood there"
	require.NoError(t, os.WriteFile("reachable", []byte(text), 0o666))
	stays(t, "files")
	stays(t, "descriptors")
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	got, err := os.ReadFile(filepath.Join(dir, "reachable"))
	require.NoError(t, err)
	require.Equal(t, text, string(got))
}

func TestAGuestReachesNoEnvironment(t *testing.T) {
	t.Setenv("WASMFLOW_SECRET", "not for guests")
	stays(t, "environment")
}

func TestAGuestReachesNoNetwork(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer func() { require.NoError(t, client.Close()) }()
	served, err := l.Accept()
	require.NoError(t, err)
	defer func() { require.NoError(t, served.Close()) }()
	_, err = client.Write([]byte("for the host"))
	require.NoError(t, err)
	stays(t, "network")
	got := make([]byte, len("for the host"))
	_, err = served.Read(got)
	require.NoError(t, err)
	require.Equal(t, "for the host", string(got), "nobody else has read it")
}

// TestAGuestReachesNoHostTime: every clock stands at the time of the batch while the guest works,
// whatever time the host has.
func TestAGuestReachesNoHostTime(t *testing.T) {
	require.Greater(t, time.Since(now()).Abs(), time.Hour, "the batch has another time than the host")
	stays(t, "time_of_day")
}

func TestAGuestReachesNothingBeyondItsMemory(t *testing.T) {
	stays(t, "pointers")
	stays(t, "secrets")
}

// TestPluginsDoNotSeeEachOthersMemory: neither in another instance of the same module, nor in what
// is left of one that is gone.
func TestPluginsDoNotSeeEachOthersMemory(t *testing.T) {
	ctx := context.Background()
	const secret = "nobody else may read this"
	f := fixture(t, "secrets")
	var l logs
	// finds gives a transform the secret after a word, and says whether it was found.
	finds := func(tr *operator.Transform, word string) bool {
		back, faults, err := run(t, tr, batch(0, word+secret))
		require.NoError(t, err)
		require.Equal(t, 1, len(back)+len(faults))
		return len(faults) > 0
	}
	one, two := transform(t, f, &l), transform(t, f, &l)
	require.False(t, finds(one, "plant:"))
	require.True(t, finds(one, "seek :"), "what is there is found")
	require.False(t, finds(two, "seek :"), "another instance")

	m, err := compile(t, f)
	require.NoError(t, err)
	gone := transformOf(t, m, f, &l)
	require.False(t, finds(gone, "plant:"))
	require.NoError(t, gone.Close())
	require.NoError(t, m.Close(ctx))
	for range 5 {
		require.False(t, finds(transform(t, f, &l), "seek :"), "an instance in place of one that is gone")
	}
}

// TestImportsAreAListOfTheirOwn: what is not on it is refused before anything runs.
func TestImportsAreAListOfTheirOwn(t *testing.T) {
	for _, name := range [][2]string{
		{"env", "system"}, {"env", "open"}, {"env", "memory_peek"}, {"wasi_unstable", "path_open"},
		{"wasi_snapshot_preview1", "sock_connect"}, {"wasi_snapshot_preview1", "proc_exec"},
		{"wasi_snapshot_preview1", "path_open "}, {"wasi:sockets/tcp@0.2.0", "connect"},
		{"wasi:clocks/wall-clock@0.2.0", "now"}, {"gojs", "syscall/js.valueCall"},
		{"wasmflow", "exec"}, {"wasmflow", "state_get"}, {"", ""},
	} {
		t.Run(name[0]+"."+name[1], func(t *testing.T) {
			g := Guest{Imports: [][]byte{Import(name[0], name[1], Func, TypeVoid)}}
			rt, err := guest.NewRuntime(guest.Config{})
			require.NoError(t, err)
			_, err = rt.Load(context.Background(), guest.Source{Path: "plugin.wasm", Bytes: g.Module()},
				guest.Limits{})
			var refused *guest.RefusedError
			require.True(t, errors.As(err, &refused), "%v", err)
			require.Contains(t, err.Error(), "imports "+name[0]+".")
		})
	}
}
