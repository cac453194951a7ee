package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// held is an instruction of a loop that is copied.
type held struct {
	wasm.Instr
	labels []uint32 // of a br_table
	inside uint32   // open blocks of the loop around it
}

// unroll writes the body of a loop n times behind its check, which has charged for all of them:
//
//	loop t             the check stands here
//	  block t          the loop's end
//	    block          the first copy; a branch to the loop leads behind it
//	      body
//	      br 1         the body's end is the loop's end
//	    end
//	    ...
//	    body           the last copy; a branch to the loop goes round
//	  end
//	end
//
// The loop has no parameters, so its label takes no operands, and the block of a copy can stand in
// for it.
func (e *emitter) unroll(t wasm.BlockType, n int) {
	end := e.hold()
	e.out.typed(wasm.OpBlock, t)
	for range n - 1 {
		e.out.open(wasm.OpBlock)
		e.copyBody(end, shift{own: 0, outer: 2})
		e.out.index(wasm.OpBr, 1)
		e.out.op(wasm.OpEnd)
	}
	e.copyBody(end, shift{own: 1, outer: 1})
	e.out.op(wasm.OpEnd)
	e.from = end // the loop's own end follows
}

// hold walks over the rest of the loop and returns where its end stands.
func (e *emitter) hold() int {
	e.held = e.held[:0]
	inside := uint32(0)
	for {
		in, _ := e.walk.Next()
		if in.Op == wasm.OpEnd {
			if inside == 0 {
				return in.Offset
			}
			inside--
		}
		h := held{Instr: in, inside: inside}
		switch in.Op {
		case wasm.OpBlock, wasm.OpIf:
			inside++
		case wasm.OpBrTable:
			h.labels = append(h.labels, e.walk.Labels...)
		}
		e.held = append(e.held, h)
	}
}

// shift says how labels change in a copy: that of the loop, and those outside of it. Labels inside
// stay.
type shift struct{ own, outer uint32 }

func (s shift) label(label, inside uint32) uint32 {
	switch {
	case label < inside:
		return label
	case label == inside:
		return label + s.own
	}
	return label + s.outer
}

func (e *emitter) copyBody(end int, s shift) {
	if len(e.held) > 0 {
		e.from = e.held[0].Offset
	}
	for i := range e.held {
		h := &e.held[i]
		switch {
		case h.Op == wasm.OpBr, h.Op == wasm.OpBrIf:
			e.flush(h.Offset)
			e.out.index(h.Op, s.label(h.A, h.inside))
		case h.Op == wasm.OpBrTable:
			e.flush(h.Offset)
			e.out.index(h.Op, uint32(len(h.labels)-1))
			for _, label := range h.labels {
				e.out = wasm.AppendU32(e.out, s.label(label, h.inside))
			}
		default:
			continue
		}
		e.from = h.End
	}
	e.flush(end)
}
