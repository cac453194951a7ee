package guestwork

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/host/guest"
	"github.com/wasmflow/wasmflow/host/guest/wasm"
	. "github.com/wasmflow/wasmflow/host/guest/wasm/wasmtest"
)

// TestFramesInEveryLayout holds K1 and K2.
func TestFramesInEveryLayout(t *testing.T) {
	binary, err := os.ReadFile("../../guests/uppercase-c/uppercase_c_scalar.wasm")
	require.NoError(t, err)
	ctx := context.Background()
	rt, err := guest.NewRuntime(guest.Config{Engine: guest.EngineInterpreter})
	require.NoError(t, err)
	want := ""
	for layout := range 3 {
		padded, err := Pad(binary, layout)
		require.NoError(t, err)
		m, err := rt.Load(ctx, guest.Source{Path: "p.wasm", Bytes: padded}, guest.Limits{})
		require.NoError(t, err)
		in, err := m.Instantiate(ctx, guest.InstanceConfig{})
		require.NoError(t, err)
		f, err := NewFrames(m, "uppercase", "tea")
		require.NoError(t, err)
		require.NoError(t, f.Run(ctx, in, 2))
		got, err := f.Answers(ctx, in)
		require.NoError(t, err)
		require.Equal(t, FrameRecords, strings.Count(got, `value "TEA"`))
		if want == "" {
			want = got
		}
		require.Equal(t, want, got)
		_, err = NewFrames(m, "lowercase", "tea")
		require.ErrorContains(t, err, `no function "lowercase"`)
		require.NoError(t, m.Close(ctx))
	}
}

func TestPadKeepsTheScript(t *testing.T) {
	script := Custom(abi.SectionScript, []byte("a script"))
	padded, err := Pad(Join(Guest{}.Module(), Custom("other", nil), script), 1)
	require.NoError(t, err)
	m, err := wasm.Parse(padded)
	require.NoError(t, err)
	var custom []string
	for _, s := range m.Sections {
		if s.ID == wasm.SectionCustom {
			custom = append(custom, s.Name+"="+string(padded[s.Body:s.End]))
		}
	}
	require.Equal(t, []string{"wasmflow.script=a script"}, custom)
	_, err = Pad([]byte("no module"), 1)
	require.Error(t, err)
}
