package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// function is what the rewriter knows of one own function of the module.
type function struct {
	loops []loop // in the order in which they begin
	// calls are nodes of the call graph: own functions, and behind them classes of types.
	calls []uint32
	// lead is the loop that straight code at the function's beginning leads into, or -1: its check
	// stands for that at the entry.
	lead int

	targeted bool // has a loop that is branched to
	byLength bool // has an instruction with a charge of its own
	indirect bool // has an indirect call

	recursive bool // may be entered again before it has returned
	saves     bool // is not, and calls one that is
	elided    bool // has no check: its callers pay for all of it

	// at is where the check stands, in the file. If it is not where the code begins, there are ways
	// through the function that do not lead over it.
	at int
	// price is what the check charges, prepaid what callers pay: for what runs without it.
	price, prepaid int64
}

// loop is one loop of a function. Only those somebody branches to can go round.
type loop struct {
	targeted bool
	inner    bool // holds another loop
	leaves   bool // holds a call or an instruction that costs by length
	params   bool // its block type has parameters
	instrs   int  // own instructions, if it is innermost
	price    int64
}

// Loops that are copied run several rounds under one check.
const (
	copiedInstrsMax = 60  // a larger body pays for its check by itself
	copiesInstrs    = 120 // what all copies together should not go much beyond
	copiesMax       = 4   // eight gained nothing over four
	copiesMin       = 2
)

// copies is how many rounds of the loop stand under one check.
func (l *loop) copies() int {
	if !l.targeted || l.inner || l.leaves || l.params || l.instrs > copiedInstrsMax {
		return 1
	}
	return min(max(copiesInstrs/max(l.instrs, 1), copiesMin), copiesMax)
}

// leadOf is the loop whose check also stands for the entry, or nil.
func (f *function) leadOf() *loop {
	if f.lead < 0 || !f.loops[f.lead].targeted {
		return nil
	}
	return &f.loops[f.lead]
}

// scanner takes the first walk over each body.
type scanner struct {
	m       *wasm.Module
	classes *classes
	walk    wasm.Instructions
	open    []int // of open blocks: the loop, or -1
	nest    []int // open loops
	place   place
	seen    map[uint32]struct{}
}

func (s *scanner) scan(i int) function {
	f := function{lead: -1, at: s.m.Bodies[i].Code}
	s.open, s.nest = s.open[:0], s.nest[:0]
	s.place.reset()
	clear(s.seen)
	s.walk.Reset(s.m, &s.m.Bodies[i])
	straight := true
	for {
		in, ok := s.walk.Next()
		if !ok {
			if at, ok := s.place.found(); ok && f.leadOf() == nil {
				f.at = at
			}
			return f
		}
		if straight && in.Op == wasm.OpLoop {
			f.lead = len(f.loops)
		}
		straight = straight && goesOn(in.Op)
		s.add(&f, &in)
	}
}

// goesOn tells instructions after which the next one follows and little time has passed.
func goesOn(op wasm.Opcode) bool {
	switch op {
	case wasm.OpUnreachable, wasm.OpLoop, wasm.OpIf, wasm.OpElse, wasm.OpEnd, wasm.OpBr, wasm.OpBrIf,
		wasm.OpBrTable, wasm.OpReturn, wasm.OpCall, wasm.OpCallIndirect:
		return false
	}
	return !byLength(op)
}

func (s *scanner) add(f *function, in *wasm.Instr) {
	inner := (*loop)(nil)
	if n := len(s.nest); n > 0 {
		inner = &f.loops[s.nest[n-1]]
		inner.instrs++
	}
	leaves := byLength(in.Op)
	f.byLength = f.byLength || leaves
	switch in.Op {
	case wasm.OpBlock, wasm.OpIf:
		s.place.open(in)
		s.open = append(s.open, -1)
	case wasm.OpElse:
		s.place.otherwise()
	case wasm.OpReturn:
		s.place.branch(in)
	case wasm.OpLoop:
		s.place.open(in)
		if inner != nil {
			inner.inner = true
		}
		s.open, s.nest = append(s.open, len(f.loops)), append(s.nest, len(f.loops))
		t := in.Block.TypeIndex
		f.loops = append(f.loops, loop{params: t != wasm.NoType && len(s.m.Types[t].Params) > 0})
	case wasm.OpEnd:
		s.end()
	case wasm.OpBr, wasm.OpBrIf:
		s.place.branch(in)
		s.branch(f, in.A)
	case wasm.OpBrTable:
		s.place.branch(in)
		for _, label := range s.walk.Labels {
			s.branch(f, label)
		}
	case wasm.OpCall:
		leaves = true
		if own := int(in.A) - s.m.FuncsImported; own >= 0 {
			s.call(f, uint32(own))
		}
	case wasm.OpCallIndirect:
		leaves, f.indirect = true, true
		s.call(f, s.classes.node(in.A))
	case wasm.OpRefFunc:
		s.classes.take(in.A)
	}
	if !leaves {
		return
	}
	s.place.hold(len(s.open), in.Offset)
	if inner != nil {
		inner.leaves = true
	}
}

func (s *scanner) end() {
	top := len(s.open) - 1
	if top < 0 {
		return // of the function
	}
	if s.open[top] >= 0 {
		s.nest = s.nest[:len(s.nest)-1]
	}
	s.open = s.open[:top]
	s.place.end()
}

func (s *scanner) branch(f *function, label uint32) {
	if i := len(s.open) - 1 - int(label); i >= 0 && s.open[i] >= 0 {
		f.loops[s.open[i]].targeted = true
		f.targeted = true
		s.place.holdBlock(i)
	}
}

func (s *scanner) call(f *function, node uint32) {
	if _, ok := s.seen[node]; !ok {
		s.seen[node] = struct{}{}
		f.calls = append(f.calls, node)
	}
}
