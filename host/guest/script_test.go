package guest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// scripted is a guest whose open takes the script, too.
func scripted(open []byte) []byte {
	const openIndex = 2
	return Guest{
		Open: open, Also: [][]byte{Export(abi.ExportScript, Func, openIndex)},
	}.Module()
}

// TestScriptWithoutRoom: an engine that has no memory for its script is no engine that is broken.
func TestScriptWithoutRoom(t *testing.T) {
	const openIndex = 2
	binary := Join(Guest{
		Reserve: I32Const(0), Also: [][]byte{Export(abi.ExportScript, Func, openIndex)},
	}.Module(), Custom(abi.SectionScript, []byte("12345")))
	rt := newRuntime(t, guest.Config{})
	_, err := rt.Load(context.Background(), guest.Source{Path: "p.wasm", Bytes: binary},
		guest.Limits{MemoryBytes: 1 << 20})
	require.EqualError(t, err, "p.wasm: has a script of 5 bytes, for which there is no room in its "+
		"1024 KiB of memory; make it smaller, or raise limits.memory")
}

func TestScripts(t *testing.T) {
	// The text it is given is its refusal: address << 32 | length.
	refuses := Join([]byte{0x20, 0, 0xad}, I64Const(32), []byte{0x86, 0x20, 1, 0xad, 0x84})
	script := Custom(abi.SectionScript, []byte("line 3: what is this?"))
	tests := []struct {
		name   string
		binary []byte
		want   string // "" is a plugin
	}{
		{"taken", Join(scripted(nil), script), ""},
		{"refused", Join(scripted(refuses), script),
			"p.wasm: has a script that does not load: line 3: what is this?; mend the script"},
		{"traps", Join(scripted(Unreachable()), script), "trapped in wasmflow_script"},
		{"no engine", Join(Guest{}.Module(), script), "does not export wasmflow_script to take it"},
		{"no script", scripted(nil), "is the engine of a language, without a script"},
		{"empty script", Join(scripted(nil), Custom(abi.SectionScript, nil)), "an empty script"},
		{"two scripts", Join(scripted(nil), script, script), "carries 2 scripts"},
	}
	ctx := context.Background()
	rt := newRuntime(t, guest.Config{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: tt.binary}, guest.Limits{})
			if tt.want != "" {
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.NoError(t, m.Close(ctx))
		})
	}
}
