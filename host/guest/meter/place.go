package meter

import "github.com/wasmflow/wasmflow/host/guest/wasm"

// place finds where a function's check is to stand: not at its entry, but as late as every way to
// what needs a check still leads over it. What needs one is what may go on without an end: calls,
// loops that are branched to, and instructions that cost by length. A function that looks whether
// there is anything to do, and returns, then costs its callers' fuel but no check.
//
// Code is a tree of arms: the function's body, those of blocks and loops, and both sides of an if.
// Within one arm control only goes forward, unless the arm belongs to a loop that is branched to,
// and such a loop counts as a whole. So the place is in the innermost arm that holds all of them,
// in front of the first one, or of the block it is in.
type place struct {
	arms []arm  // open ones; the first one is the function's
	next int    // number of the next arm
	path []step // to the innermost arm that holds all that was held so far
	// branched is where control parted first, or -1.
	branched int
}

// arm is an open arm. from is where the block it belongs to begins.
type arm struct{ number, from int }

// step is an arm on the path, and where in it the path goes on.
type step struct{ arm, at int }

func (p *place) reset() {
	p.arms, p.path = append(p.arms[:0], arm{}), p.path[:0]
	p.next, p.branched = 1, -1
}

// open begins a block, a loop or an if.
func (p *place) open(in *wasm.Instr) {
	if in.Op == wasm.OpIf {
		p.branch(in)
	}
	p.arms = append(p.arms, arm{number: p.next, from: in.Offset})
	p.next++
}

func (p *place) otherwise() {
	p.arms[len(p.arms)-1].number = p.next
	p.next++
}

func (p *place) end() { p.arms = p.arms[:len(p.arms)-1] }

// branch notes an instruction after which control may go elsewhere.
func (p *place) branch(in *wasm.Instr) {
	if p.branched < 0 {
		p.branched = in.Offset
	}
}

// holdBlock notes that an open block, counted from the outermost, needs a check as a whole.
func (p *place) holdBlock(block int) { p.hold(block, p.arms[block+1].from) }

// hold notes that what stands at an offset needs a check. So many blocks are open around it.
func (p *place) hold(blocks, at int) {
	open := p.arms[:blocks+1]
	if len(p.path) == 0 {
		for i, a := range open[:blocks] {
			p.path = append(p.path, step{arm: a.number, at: open[i+1].from})
		}
		p.path = append(p.path, step{arm: open[blocks].number, at: at})
		return
	}
	p.path = p.path[:min(len(p.path), len(open))]
	for i := len(p.path) - 1; p.path[i].arm != open[i].number; i-- {
		p.path = p.path[:i]
	}
}

// found returns the place, if there are ways that do not lead over it.
func (p *place) found() (at int, ok bool) {
	if len(p.path) == 0 {
		return 0, false
	}
	at = p.path[len(p.path)-1].at
	return at, p.branched >= 0 && p.branched < at
}
