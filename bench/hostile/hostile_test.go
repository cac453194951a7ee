package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wasmflow/wasmflow/host/guest/guesttest/specimens"
)

// TestKindsAreSpecimens: a name that is not there would be left out without a word.
func TestKindsAreSpecimens(t *testing.T) {
	names := map[string]bool{}
	for _, s := range specimens.All() {
		require.False(t, names[s.Name], "a second specimen %q", s.Name)
		names[s.Name] = true
	}
	for _, kind := range kinds() {
		require.True(t, names[kind], "no specimen %q", kind)
	}
}

// TestReportTellsOfBounds: each figure out of its bound makes the page, and the exit code, say so.
func TestReportTellsOfBounds(t *testing.T) {
	good := func() (trials, []beside) {
		return trials{
			tried: 2, ran: 1, killed: []time.Duration{time.Millisecond}, killer: []string{"a"},
			naps: []time.Duration{time.Millisecond}, memory: extreme{value: 1 << 20, who: "a"},
		}, []beside{{name: "a", share: 0.95, cpu: 1}}
	}
	tests := map[string]func(t *trials, list []beside){
		"died":      func(t *trials, _ []beside) { t.died = []string{"b"} },
		"hung":      func(t *trials, _ []beside) { t.hung = []string{"b"} },
		"told":      func(t *trials, _ []beside) { t.text = []string{"b"} },
		"killed":    func(t *trials, _ []beside) { t.killed[0] = killBound + 1 },
		"memory":    func(t *trials, _ []beside) { t.memory.value = 64<<20 + memoryBound + 1 },
		"nap":       func(t *trials, _ []beside) { t.nap.value = int64(stallBound) + 1 },
		"stop":      func(t *trials, _ []beside) { t.stop.value = int64(stallBound) + 1 },
		"neighbour": func(_ *trials, list []beside) { list[0].share = neighbourBound - 0.01 },
	}
	page, ok := report(good())
	require.True(t, ok, page)
	require.NotContains(t, page, "does not hold")
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			one, list := good()
			spoil(&one, list)
			page, ok := report(one, list)
			require.False(t, ok)
			require.Equal(t, 1, strings.Count(page, "does not hold"), page)
		})
	}
}
