package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// pricer takes the second walk over a body: it prices its regions. A region is what runs under one
// check: the function from its check on, or one round of a loop that is branched to, both without
// the loops inside that have checks of their own. Its price is that of the dearest way through it,
// so no way through can run longer than was paid for. What of a function lies around its check, in
// front of it and on ways that do not lead over it, is a region, too, and callers pay for it.
type pricer struct {
	m       *wasm.Module
	funcs   []function
	classes *classes
	walk    wasm.Instructions
	// dearest is, by class, the most that a caller has to pay for a function that an indirect call
	// can reach. Callees are priced first, so it is complete when it is asked for.
	dearest []int64

	f    *function
	next int // of the loops
	// around is what becomes the function's prepaid price. That itself must stay as it was prepared
	// while its calls of itself are priced: code behind them is part of it.
	around  int64
	sets    int // of locals, so far
	locals  int // of the function
	checked int // number of frames around the function's check, or one of the two below
	frames  []frame
	regions []region // open ones, the innermost last
	live    bool     // the instruction at hand can be reached
}

// The function's check is still to come, or its region is closed.
const checkAhead, checkClosed = 0, -1

// region is an open region; cost is that of the dearest way to the instruction at hand.
type region struct {
	price *int64
	cost  int64
}

// frame is an open block.
type frame struct {
	op     wasm.Opcode
	region int  // that its label belongs to
	opens  bool // it is a loop that opened a region
	// in is the dearest way to the end of the block by a branch; reached tells that there is one.
	in      int64
	reached bool
	// sets is how many locals had been set at its beginning, operands how many values its label takes.
	sets, operands int
	// Of an if: the way to it, for the branch not taken.
	saved int64
	alive bool
}

const (
	// elidedPriceMax is what a function may cost that has no check of its own. Its callers pay.
	elidedPriceMax = 100
	// prepaidMax is what may run of a function that has one without coming by. It is less, because
	// callers that come by pay for it, too, and indirect calls for the dearest of many functions.
	prepaidMax = 50
)

// prepare finds out what of a function its callers have to pay, if it has a check. There is no call
// in that, so it needs no other function's price.
func (p *pricer) prepare(i uint32) {
	f, entry := &p.funcs[i], p.m.Bodies[i].Code
	if f.at == entry {
		return
	}
	if p.measure(i); f.prepaid > prepaidMax {
		f.at, f.prepaid = entry, 0
		return
	}
	p.offer(i)
}

// price settles what a function costs. All that it calls are priced, or at least prepared if they
// are recursive.
func (p *pricer) price(i uint32) {
	p.measure(i)
	f := &p.funcs[i]
	f.elided = !f.targeted && !f.byLength && !f.recursive && !f.indirect &&
		f.prepaid+f.price <= elidedPriceMax
	if f.elided {
		f.prepaid, f.price = f.prepaid+f.price, 0
		p.offer(i)
	}
}

// offer lets indirect calls pay for the function.
func (p *pricer) offer(i uint32) {
	if fn := p.m.FuncsImported + int(i); p.classes.taken[fn] {
		class := p.classes.of[p.m.Funcs[fn]]
		p.dearest[class] = max(p.dearest[class], p.funcs[i].prepaid)
	}
}

// measure sets the prices of the function's regions.
func (p *pricer) measure(i uint32) {
	f, body := &p.funcs[i], &p.m.Bodies[i]
	f.price, p.around = 0, 0
	for l := range f.loops {
		f.loops[l].price = 0
	}
	p.f, p.next, p.sets, p.live, p.checked = f, 0, 0, true, checkAhead
	p.locals = int(body.LocalCount)
	p.frames = append(p.frames[:0], frame{op: wasm.OpBlock})
	p.regions = append(p.regions[:0], region{price: &p.around})
	p.walk.Reset(p.m, body)
	if f.at == body.Code {
		p.check()
	}
	p.charge(int64(body.LocalCount / localsPerUnit))
	for {
		in, ok := p.walk.Next()
		if !ok {
			f.prepaid = p.around
			return
		}
		if in.Offset == f.at && p.checked == checkAhead {
			p.check()
		}
		p.add(&in)
	}
}

// check opens the region behind the function's check. It ends with the arm that the check is in.
func (p *pricer) check() {
	p.checked = len(p.frames)
	p.regions = append(p.regions, region{price: &p.f.price})
}

func (p *pricer) charge(n int64) {
	if !p.live {
		return
	}
	r := &p.regions[len(p.regions)-1]
	r.cost += n
	*r.price = max(*r.price, r.cost)
}

func (p *pricer) add(in *wasm.Instr) {
	p.charge(price(in.Op) + p.called(in))
	switch in.Op {
	case wasm.OpBlock, wasm.OpIf:
		top := len(p.regions) - 1
		p.frames = append(p.frames, frame{
			op: in.Op, region: top, saved: p.regions[top].cost, alive: p.live, sets: p.sets,
		})
		if t := in.Block.TypeIndex; t != wasm.NoType {
			p.frames[len(p.frames)-1].operands = len(p.m.Types[t].Results)
		}
	case wasm.OpLoop:
		p.loop(in)
	case wasm.OpElse:
		p.leave()
		f := &p.frames[len(p.frames)-1]
		p.arrive(f)
		f.op = wasm.OpBlock
		p.regions[f.region].cost, p.live = f.saved, f.alive
	case wasm.OpEnd:
		p.leave()
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
	case wasm.OpLocalSet, wasm.OpLocalTee:
		p.sets++
	}
}

// moves is the price of meeting at a label: the engine moves, on each way there, the operands and
// every local that was set inside the block.
func (p *pricer) moves(f *frame) int64 {
	return int64((min(p.sets-f.sets, p.locals) + f.operands) / movesPerUnit)
}

// called is what a call costs beyond itself: the arguments, and callees without a check.
func (p *pricer) called(in *wasm.Instr) int64 {
	switch in.Op {
	case wasm.OpCall:
		t := p.m.FuncType(in.A)
		cost := int64(len(t.Params) + len(t.Results))
		if own := int(in.A) - p.m.FuncsImported; own >= 0 {
			cost += p.funcs[own].prepaid
		}
		return cost
	case wasm.OpCallIndirect:
		t := p.m.Types[in.A]
		return p.dearest[p.classes.of[in.A]] + int64(len(t.Params)+len(t.Results))
	}
	return 0
}

func (p *pricer) loop(in *wasm.Instr) {
	l := p.next
	p.next++
	f := frame{op: wasm.OpLoop, region: len(p.regions) - 1, sets: p.sets}
	if t := in.Block.TypeIndex; t != wasm.NoType {
		f.operands = len(p.m.Types[t].Params)
	}
	if p.f.loops[l].targeted {
		f.opens = true
		p.regions = append(p.regions, region{price: &p.f.loops[l].price})
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

// leave closes the region behind the function's check at the end of its arm. What was paid before
// stands as it stood at the check: the ways behind the arm lead over it, or around it.
func (p *pricer) leave() {
	if len(p.frames) == p.checked {
		p.regions, p.checked = p.regions[:len(p.regions)-1], checkClosed
	}
}

func (p *pricer) end() {
	top := len(p.frames) - 1
	f := &p.frames[top]
	switch {
	case f.opens:
		// What was paid before the loop stands as it stood; a way behind it goes through here.
		*p.regions[len(p.regions)-1].price += p.moves(f)
		p.regions = p.regions[:len(p.regions)-1]
	case f.op != wasm.OpLoop:
		if f.op == wasm.OpIf && f.alive {
			f.in, f.reached = max(f.in, f.saved), true
		}
		p.arrive(f)
		p.regions[f.region].cost, p.live = f.in, f.reached
		p.charge(p.moves(f))
	}
	p.frames = p.frames[:top]
}
