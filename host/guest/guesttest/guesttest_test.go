package guesttest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

func TestMain(m *testing.M) {
	cache := os.Getenv(envCache)
	if cache == "" {
		os.Exit(m.Run())
	}
	if err := compile(cache, filepath.SplitList(os.Getenv(envModules))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func TestFillIsFoundByARuntime(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.wasm")
	require.NoError(t, os.WriteFile(path, wasmtest.Guest{}.Module(), 0o600))
	cache := filepath.Join(dir, "cache")
	require.NoError(t, fill(cache, []string{path}))
	before := entries(t, cache)
	require.Len(t, before, 1)

	ctx := context.Background()
	rt, err := NewRuntime(dir, guest.Config{}, path)
	require.NoError(t, err)
	m, err := rt.Load(ctx, guest.Source{Path: path}, guest.Limits{})
	require.NoError(t, err)
	require.NoError(t, m.Close(ctx))
	require.Equal(t, before, entries(t, cache), "the key of both processes is the same")

	require.ErrorContains(t, fill(cache, []string{filepath.Join(dir, "none.wasm")}), "no such file")
	_, err = Build(dir, filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "building ")
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
