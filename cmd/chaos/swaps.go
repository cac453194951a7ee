package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// newSwaps returns the ends of a job whose plugin is another one at every start: the job goes on
// with the version of its last epoch and swaps the new one in while it is killed. Both answer
// alike, so every line is there once, whatever version wrote it.
func newSwaps(dir, binary, _ string, s scale) (*fileEnds, error) {
	module, err := os.ReadFile("guests/uppercase-c/uppercase_c.wasm")
	if err != nil {
		return nil, fmt.Errorf("reading the plugin: %w", err)
	}
	e := &fileEnds{dir: dir, binary: binary, lines: s.lines, rate: s.rate}
	e.line = func(n int) string { return fmt.Sprintf("%08d THE QUICK BROWN FOX", n) }
	var version atomic.Uint32
	e.job = func(parallelism int, limit string) string {
		path := filepath.Join(dir, fmt.Sprintf("plugin-%d.wasm", version.Add(1)))
		if err := os.WriteFile(path, marked(module, version.Load()), 0o600); err != nil {
			limit = "the plugin was not written: " + err.Error() // the job is refused for it
		}
		return fmt.Sprintf(`
name = "swaps"
[job]
parallelism = %d
batch = { records = 512 }
[checkpoint]
interval = "20ms"
store = "store"
[restart]
strategy = "none"
[plugins.upper]
path = %q
swap = { sample = 20, sample_wait = "20ms", probation = 1 }
[sources.lines]
connector = "file"
path = "input"
%s
[transforms.shout]
from = ["lines"]
plugin = "upper"
function = "uppercase"
[sinks.out]
connector = "bucketing"
from = ["shout"]
path = "output/swaps"
bucketer = "base-path"
`, parallelism, path, limit)
	}
	e.judge = judgeLive
	return e, e.prepare()
}

// marked returns a module with a custom section: the same code under another digest.
func marked(module []byte, version uint32) []byte {
	const name = "version"
	section := append([]byte{byte(len(name))}, name...)
	section = append(section, fmt.Sprintf("%08d", version)...)
	out := append([]byte{}, module...)
	return append(append(out, 0, byte(len(section))), section...)
}

// ofSwap tells the places that only a job passes whose plugin is swapped.
func ofSwap(name string) bool { return strings.HasPrefix(name, "swap/") }
