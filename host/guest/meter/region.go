package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// pricer takes the second walk over a body: it prices its regions. A region is what runs under one
// check: the function from its entry on, or one round of a loop that is branched to, both without
// the loops inside that have checks of their own. Its price is that of the dearest way through it,
// so no way through can run longer than was paid for.
type pricer struct {
	m       *wasm.Module
	funcs   []function
	classes *classes
	walk    wasm.Instructions
	// dearest is, by class, the price of the dearest function without a check of its own that an
	// indirect call can reach. Callees are priced first, so it is complete when it is asked for.
	dearest []int64

	f       *function
	next    int // of the loops
	frames  []frame
	regions []region // open ones, the innermost last
	live    bool     // the instruction at hand can be reached
}

// region is an open region; cost is that of the dearest way to the instruction at hand.
type region struct {
	loop int // -1 for the function
	cost int64
}

// frame is an open block.
type frame struct {
	op     wasm.Opcode
	region int  // that its label belongs to
	opens  bool // it is a loop that opened a region
	// in is the dearest way to the end of the block by a branch; reached tells that there is one.
	in      int64
	reached bool
	// Of an if: the way to it, for the branch not taken.
	saved int64
	alive bool
}

// elidedPriceMax is what a function may cost that has no check of its own. Its callers pay.
const elidedPriceMax = 100

func (p *pricer) price(i uint32) {
	f := &p.funcs[i]
	p.f, p.next, p.live = f, 0, true
	p.frames = append(p.frames[:0], frame{op: wasm.OpBlock})
	p.regions = append(p.regions[:0], region{loop: -1})
	body := &p.m.Bodies[i]
	p.walk.Reset(p.m, body)
	p.charge(int64(body.LocalCount / localsPerUnit))
	for {
		in, ok := p.walk.Next()
		if !ok {
			break
		}
		p.add(&in)
	}
	f.elided = !f.targeted && !f.byLength && !f.recursive && !f.indirect && f.price <= elidedPriceMax
	if fn := p.m.FuncsImported + int(i); f.elided && p.classes.taken[fn] {
		class := p.classes.of[p.m.Funcs[fn]]
		p.dearest[class] = max(p.dearest[class], f.price)
	}
}

func (p *pricer) charge(n int64) {
	if !p.live {
		return
	}
	r := &p.regions[len(p.regions)-1]
	r.cost += n
	if r.loop < 0 {
		p.f.price = max(p.f.price, r.cost)
	} else {
		l := &p.f.loops[r.loop]
		l.price = max(l.price, r.cost)
	}
}

func (p *pricer) add(in *wasm.Instr) {
	p.charge(price(in.Op) + p.called(in))
	switch in.Op {
	case wasm.OpBlock, wasm.OpIf:
		top := len(p.regions) - 1
		p.frames = append(p.frames, frame{
			op: in.Op, region: top, saved: p.regions[top].cost, alive: p.live,
		})
	case wasm.OpLoop:
		p.loop()
	case wasm.OpElse:
		f := &p.frames[len(p.frames)-1]
		p.arrive(f)
		f.op = wasm.OpBlock
		p.regions[f.region].cost, p.live = f.saved, f.alive
	case wasm.OpEnd:
		p.end()
	case wasm.OpBr:
		p.branch(in.A)
		p.live = false
	case wasm.OpBrIf:
		p.branch(in.A)
	case wasm.OpBrTable:
		for _, label := range p.walk.Labels {
			p.branch(label)
		}
		p.live = false
	case wasm.OpReturn, wasm.OpUnreachable:
		p.live = false
	}
}

// called is what a call costs beyond itself: the arguments, and callees without a check.
func (p *pricer) called(in *wasm.Instr) int64 {
	switch in.Op {
	case wasm.OpCall:
		t := p.m.FuncType(in.A)
		cost := int64(len(t.Params) + len(t.Results))
		if own := int(in.A) - p.m.FuncsImported; own >= 0 && p.funcs[own].elided {
			cost += p.funcs[own].price
		}
		return cost
	case wasm.OpCallIndirect:
		t := p.m.Types[in.A]
		return p.dearest[p.classes.of[in.A]] + int64(len(t.Params)+len(t.Results))
	}
	return 0
}

func (p *pricer) loop() {
	l := p.next
	p.next++
	f := frame{op: wasm.OpLoop, region: len(p.regions) - 1}
	if p.f.loops[l].targeted {
		f.opens = true
		p.regions = append(p.regions, region{loop: l})
	}
	p.frames = append(p.frames, f)
}

// branch notes a branch to a label. A loop's label begins a new round, which pays for itself.
func (p *pricer) branch(label uint32) {
	if f := &p.frames[len(p.frames)-1-int(label)]; f.op != wasm.OpLoop {
		p.arrive(f)
	}
}

// arrive notes that the end of a block can be reached from here.
func (p *pricer) arrive(f *frame) {
	if p.live {
		f.in, f.reached = max(f.in, p.regions[f.region].cost), true
	}
}

func (p *pricer) end() {
	top := len(p.frames) - 1
	f := &p.frames[top]
	switch {
	case f.opens:
		// What was paid before the loop stands as it stood; a way behind it goes through here.
		p.regions = p.regions[:len(p.regions)-1]
	case f.op != wasm.OpLoop:
		if f.op == wasm.OpIf && f.alive {
			f.in, f.reached = max(f.in, f.saved), true
		}
		p.arrive(f)
		p.regions[f.region].cost, p.live = f.in, f.reached
	}
	p.frames = p.frames[:top]
}
