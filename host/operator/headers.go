package operator

import (
	"github.com/wasmflow/wasmflow/abi"
	"github.com/wasmflow/wasmflow/connectors"
)

// headerSlab holds the headers that guests made, of all records of one output batch. It is re-used
// when the same batch, which its owner has emptied, is filled again.
type headerSlab struct {
	batch   *connectors.Batch
	slab    []connectors.Header
	scratch []abi.Header
	keys    interner
	made    int // headers of the batch so far, in all slabs
}

const (
	// slabMin is the size of a first slab.
	slabMin = 256
	// headerBytes is what a connectors.Header takes beside the bytes it points at.
	headerBytes = 40
)

func (h *headerSlab) begin(out *connectors.Batch) {
	h.made = 0
	if h.batch != out {
		h.batch, h.slab = out, nil
		return
	}
	clear(h.slab)
	h.slab = h.slab[:0]
}

// drop takes the last n headers back. Those of a slab that was replaced since are gone with it.
func (h *headerSlab) drop(n int) {
	h.made -= n
	used := max(len(h.slab)-n, 0)
	clear(h.slab[used:])
	h.slab = h.slab[:used]
}

// take returns the own headers of entry i. Their values are copied into room, whose rest is
// returned; their keys are few and kept.
func (h *headerSlab) take(
	o *abi.Output, i int, room []byte,
) (headers []connectors.Header, rest []byte) {
	h.scratch = o.Headers(h.scratch[:0], i)
	n := len(h.scratch)
	if n == 0 {
		return nil, room
	}
	if cap(h.slab)-len(h.slab) < n {
		// Records point into the old slab; it lives as long as they do.
		h.slab = make([]connectors.Header, 0, max(slabMin, 2*cap(h.slab), n))
	}
	h.made += n
	from := len(h.slab)
	for _, x := range h.scratch {
		var value []byte
		if x.Value != nil {
			value, room = place(room, x.Value)
		}
		h.slab = append(h.slab, connectors.Header{Key: h.keys.get(x.Key), Value: value})
	}
	return h.slab[from:len(h.slab):len(h.slab)], room
}

// interner keeps strings, so that those which come again and again are made once.
type interner struct{ known map[string]string }

func (n *interner) get(b []byte) string {
	if s, ok := n.known[string(b)]; ok {
		return s
	}
	s := string(b)
	if len(s) > internedBytesMax {
		return s
	}
	if n.known == nil || len(n.known) >= internedMax {
		n.known = make(map[string]string)
	}
	n.known[s] = s
	return s
}
