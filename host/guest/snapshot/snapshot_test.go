package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
	"github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// stackBytes lie below the stack pointer, which is the one global.
const stackBytes = 1024

// module has one function, exported as _initialize, a page of memory and the stack pointer.
func module(data []byte, code ...byte) []byte {
	const i32, mutable, end = 0x7f, 1, 0x0b
	return wasmtest.Module(
		wasmtest.Section(1, wasmtest.Vec(wasmtest.Type(nil, nil))),
		wasmtest.Section(3, wasmtest.Vec([]byte{0})),
		wasmtest.Section(5, wasmtest.Vec([]byte{1, 1, 3})),
		wasmtest.Section(6, wasmtest.Vec(append(append([]byte{i32, mutable},
			wasmtest.I32Const(stackBytes)...), end))),
		wasmtest.Section(7, wasmtest.Vec(wasmtest.Export("memory", 2, 0),
			wasmtest.Export("_initialize", 0, 0), wasmtest.Export("again", 0, 0))),
		wasmtest.Section(10, wasmtest.Vec(wasmtest.Body(code...))),
		wasmtest.Section(11, wasmtest.Vec(data)),
	)
}

// TestSnapshot: memory begins with what _initialize left in it, above the stack.
func TestSnapshot(t *testing.T) {
	const grow = 0x40
	ctx := context.Background()
	raw := module(wasmtest.DataAt(stackBytes, []byte("abc")), wasmtest.Join(
		wasmtest.Store32(8, -1), wasmtest.Store32(stackBytes+4, 0x64636261),
		wasmtest.Store32(5000, 7), wasmtest.I32Const(1), []byte{grow, 0, 0x1a},
		wasmtest.Store32(70_000, 9))...)
	dir := t.TempDir()
	from, to := filepath.Join(dir, "raw.wasm"), filepath.Join(dir, "module.wasm")
	require.NoError(t, os.WriteFile(from, raw, 0o600))
	require.NoError(t, run(ctx, from, to))
	got, err := os.ReadFile(to)
	require.NoError(t, err)
	m, err := wasm.Parse(got)
	require.NoError(t, err)
	_, there := m.Export("_initialize")
	require.False(t, there)
	_, there = m.Export("again")
	require.True(t, there)
	require.Equal(t, wasm.Limits{Min: 2, Max: 3, HasMax: true}, m.Memories[0])
	require.Equal(t, 3, m.DataSegments)

	rt := wazero.NewRuntime(ctx)
	defer func() { require.NoError(t, rt.Close(ctx)) }()
	in, err := rt.Instantiate(ctx, got)
	require.NoError(t, err)
	want := make([]byte, 2*wasm.PageSize)
	copy(want[stackBytes:], "abc\x00abcd")
	want[5000], want[70_000] = 7, 9
	memory, _ := in.Memory().Read(0, in.Memory().Size())
	require.True(t, bytes.Equal(want, memory))
}

func TestModulesThatAreRefused(t *testing.T) {
	const globalSet, trap = 0x24, 0x00
	data := wasmtest.DataAt(stackBytes, []byte("abc"))
	for name, tt := range map[string]struct {
		raw  []byte
		want string
	}{
		"no module":      {[]byte("x"), "parsing: "},
		"nothing to run": {wasmtest.Module(), "exports no _initialize"},
		"another stack": {module(data, append(wasmtest.I32Const(7), globalSet, 0)...),
			"global 0 was 1024 and is 7"},
		"a trap": {module(data, trap), "calling _initialize: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := snapshot(context.Background(), tt.raw)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
