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
}

// slabMin is the size of a first slab.
const slabMin = 256

func (h *headerSlab) begin(out *connectors.Batch) {
	if h.batch != out {
		h.batch, h.slab = out, nil
		return
	}
	clear(h.slab)
	h.slab = h.slab[:0]
}

// take returns the own headers of entry i. Their values are copied into room, whose rest is
// returned; their keys are few and kept.
func (h *headerSlab) take(o *abi.Output, i int, room []byte) (headers []connectors.Header, rest []byte) {
	h.scratch = o.Headers(h.scratch[:0], i)
	n := len(h.scratch)
	if n == 0 {
		return nil, room
	}
	if cap(h.slab)-len(h.slab) < n {
		// Records point into the old slab; it lives as long as they do.
		h.slab = make([]connectors.Header, 0, max(slabMin, 2*cap(h.slab), n))
	}
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
	if n.known == nil || len(n.known) >= internedMax {
		n.known = make(map[string]string)
	}
	s := string(b)
	n.known[s] = s
	return s
}
