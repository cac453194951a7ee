//go:build !wasip1

package wasmflow

import "unsafe"

// host is what the guest can call, for a guest that is not in WebAssembly.
type host struct {
	onLog    func(level Level, text string)
	onMetric func(kind uint32, name string, value float64)
}

func (h *host) log(level Level, text string) {
	if h.onLog != nil {
		h.onLog(level, text)
	}
}

func (h *host) metric(kind uint32, name string, value float64) {
	if h.onMetric != nil {
		h.onMetric(kind, name, value)
	}
}

// Native is the plugin of this program without WebAssembly: what the exports of a guest are to a
// host. Package sdktest is built on it; a program has one. Its methods must not be called
// concurrently.
type Native struct{ g *guest }

// NewNative returns the plugin of this program.
func NewNative() *Native { return &Native{plugin} }

// Describe returns the description as JSON.
func (n *Native) Describe() []byte { return n.g.describe() }

// Open gives the plugin its configuration, JSON. It returns nil, or a refusal as JSON. Unlike a
// guest in WebAssembly it can be opened any number of times.
func (n *Native) Open(config []byte) []byte { return n.g.open(config) }

// Reserve returns a region of size bytes, valid until the next Reserve, for an input frame.
func (n *Native) Reserve(size int) []byte { return n.g.reserve(size) }

// Process works on the frame in the reserved region and returns the address of the output's header
// in Memory.
func (n *Native) Process(function, first uint32, cursor uint64) uint32 {
	h := n.g.process(function, first, cursor)
	return n.g.memory.place(unsafe.Pointer(h), int(unsafe.Sizeof(*h)))
}

// Migrate rewrites an entry of an older state version and returns the answer, both as they travel
// between host and guest; an empty entry asks whether there is a way. The answer is valid until the
// next Migrate.
func (n *Native) Migrate(from uint32, entry []byte) []byte { return n.g.migrate(from, entry) }

// Memory returns a copy of the memory that the addresses of the last output refer to.
func (n *Native) Memory() []byte { return n.g.memory.image() }

// OnLog sets what is called with the plugin's log lines.
func (n *Native) OnLog(f func(level Level, text string)) { n.g.host.onLog = f }

// OnMetric sets what is called with the plugin's metrics; kind is 0 for a counter, 1 for a gauge,
// 2 for a histogram.
func (n *Native) OnMetric(f func(kind uint32, name string, value float64)) {
	n.g.host.onMetric = f
}
