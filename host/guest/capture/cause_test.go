package capture_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/capture"
)

// failures asks a folder about failures with texts, one a second, and returns how many it wants.
func failures(f *capture.Folder, n int, every time.Duration, text func(i int) string) (wanted int) {
	at := time.Unix(1_900_000_000, 0)
	for i := range n {
		o := &capture.Outcome{Kind: capture.KindTrap, Call: "wasmflow_process", Text: text(i)}
		if f.Wants("module", "enrich", false, o, at) {
			wanted++
		}
		at = at.Add(every)
	}
	return wanted
}

func TestTheFirstCapturesOfACauseAreKept(t *testing.T) {
	same := func(i int) string { return fmt.Sprintf("index %d out of range at 0x%x", i, i) }
	other := func(i int) string { return fmt.Sprintf("trap in the %c branch", 'a'+i) }
	many := func(i int) string { // letters only
		return fmt.Sprintf("%c%c", 'a'+i/26, 'a'+i%26)
	}
	for _, tt := range []struct {
		name  string
		n     int
		every time.Duration
		text  func(int) string
		want  int
	}{
		{"values are no cause of their own", 1_000, time.Second, same, 4},
		{"causes of their own", 20, time.Second, other, 20},
		{"all at once", 20, 0, other, 5},
		{"ten a second", 20, 100 * time.Millisecond, other, 10},
		{"more causes than are remembered", 26 * 26, time.Second, many, 256},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := folder(t.TempDir(), 20, 1<<20)
			require.Equal(t, tt.want, failures(f, tt.n, tt.every, tt.text))
			require.Equal(t, uint64(tt.n-tt.want), f.Skipped())
		})
	}
}

func TestWhatMakesACause(t *testing.T) {
	f := folder(t.TempDir(), 20, 1<<20)
	at := time.Unix(1_900_000_000, 0)
	full := func(module, function string, alone bool, o capture.Outcome) bool {
		last := false
		for range 5 {
			at = at.Add(time.Second)
			last = f.Wants(module, function, alone, &o, at)
		}
		return !last
	}
	wants := func(module, function string, alone bool, o capture.Outcome) bool {
		at = at.Add(time.Second)
		return f.Wants(module, function, alone, &o, at)
	}
	trap := capture.Outcome{Kind: capture.KindTrap, Call: "wasmflow_process", Text: "unreachable"}
	require.True(t, full("m1", "enrich", false, trap))
	require.True(t, wants("m2", "enrich", false, trap), "another version")
	require.True(t, wants("m1", "price", false, trap), "another function")
	require.True(t, wants("m1", "enrich", true, trap), "the record alone")
	for name, o := range map[string]capture.Outcome{
		"kind":  {Kind: capture.KindRefused, Call: trap.Call, Text: trap.Text},
		"call":  {Kind: trap.Kind, Call: "wasmflow_open", Text: trap.Text},
		"limit": {Kind: trap.Kind, Call: trap.Call, Text: trap.Text, Limit: "limits.memory"},
		"text":  {Kind: trap.Kind, Call: trap.Call, Text: "stack overflow"},
	} {
		require.True(t, wants("m1", "enrich", false, o), "another %s", name)
	}
	require.False(t, wants("m1", "enrich", false, trap))
}
