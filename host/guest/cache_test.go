package guest_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// files lists the files below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			out = append(out, path)
		}
		return err
	}))
	return out
}

func TestCacheIsPrivateAndSurvivesDamage(t *testing.T) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "cache")
	var log bytes.Buffer
	loadOnce := func(binary []byte) {
		t.Helper()
		rt := newRuntime(t, guest.Config{CacheDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		m, err := rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: binary}, guest.Limits{})
		require.NoError(t, err)
		in, err := m.Instantiate(ctx, guest.InstanceConfig{})
		require.NoError(t, err)
		_, err = in.Reserve(ctx, 8)
		require.NoError(t, err)
		require.NoError(t, m.Close(ctx))
	}
	binary := Guest{}.Module()
	loadOnce(binary)
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	entry := files(t, dir)
	require.Len(t, entry, 2, "the compiled module and its sum")

	before, err := os.Stat(entry[1])
	require.NoError(t, err)
	loadOnce(append(binary, Custom("script", []byte("42"))...))
	require.Equal(t, entry, files(t, dir), "custom sections do not count")
	after, err := os.Stat(entry[1])
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime(), "nothing was written again")

	for _, path := range entry {
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		for name, damage := range map[string][]byte{
			"empty":   {},
			"cut off": whole[:len(whole)/2],
			"flipped": append(bytes.Clone(whole[:len(whole)-3]), 0xff, 0xff, 0xff),
			"header":  append([]byte("WAZEVO\xff\xff"), whole[8:]...),
		} {
			require.NoError(t, os.WriteFile(path, damage, 0o600))
			loadOnce(binary)
			now, err := os.ReadFile(path)
			require.NoError(t, err, name)
			require.Equal(t, whole, now, "%s of %s was not mended", name, filepath.Base(path))
		}
	}
	require.NoError(t, os.Remove(entry[0]))
	loadOnce(binary)
	require.Equal(t, entry, files(t, dir))
	require.Empty(t, log.String())
}

func TestCacheThatCannotBeUsedIsNoObstacle(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	var log bytes.Buffer
	rt := newRuntime(t, guest.Config{CacheDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.WriteFile(dir, []byte("a file, not a folder"), 0o600))

	m, err := rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: Guest{}.Module()}, guest.Limits{})
	require.NoError(t, err)
	require.NoError(t, m.Close(ctx))
	require.Contains(t, log.String(), "compilation cache not used")

	log.Reset()
	_, err = rt.Load(ctx, guest.Source{Path: "p.wasm",
		Bytes: Guest{Process: []byte{0x6a}}.Module()}, guest.Limits{})
	require.ErrorContains(t, err, "is not valid")
	require.Empty(t, log.String(), "the plugin is at fault, not the cache")

	log.Reset()
	rt = newRuntime(t, guest.Config{CacheDir: filepath.Join(dir, "below"),
		Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.Equal(t, 1, strings.Count(log.String(), "making the compilation cache"))
	m, err = rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: Guest{}.Module()}, guest.Limits{})
	require.NoError(t, err)
	require.NoError(t, m.Close(ctx))
	require.Equal(t, 1, strings.Count(log.String(), "\n"), "it is told once")
}

func TestCacheIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	newRuntime(t, guest.Config{CacheDir: dir})
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
}

func TestCacheIsBounded(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	rt := newRuntime(t, guest.Config{CacheDir: dir})
	const modules, kept = 70, 64
	for i := range modules {
		binary := Guest{Description: strings.Replace(DescriptionOf("transform"), `"1"`,
			fmt.Sprintf(`"%d"`, i), 1)}.Module()
		m, err := rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: binary}, guest.Limits{})
		require.NoError(t, err)
		require.NoError(t, m.Close(ctx))
	}
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, kept)
}
