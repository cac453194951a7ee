package wasm

// flow estimates what a function's branches cost the compiler. Its register allocator keeps a value
// for each local at each edge of the control flow, carries what a loop changes through all loops
// around it, and goes over all edges into a block for each of them. So 50 KiB of nested loops over
// 2,000 locals keep it busy for more than eight minutes, and 30,000 branches to one label for one.
type flow struct {
	edges uint64
	joins uint64   // sum over labels of the square of the branches to them
	into  []uint32 // branches to each open label, that of the function left out
	loops int      // open loops
	kinds []Opcode // of open blocks

	total uint64
}

// Bounds on the estimates. Compiled programs have up to 1.4 million edges times locals in a whole
// module, an interpreter in C one to three million in a function; 32 million take one to eight
// minutes.
const (
	flowMax      = 32 << 20 // edges times locals of a function
	flowTotalMax = 8 * flowMax
	joinsMax     = 1 << 30 // 32,768 branches to one label
)

// add counts one instruction, which w has just returned.
func (f *flow) add(in *Instr, w *Instructions) {
	switch in.Op {
	case OpBlock, OpIf, OpLoop:
		f.edges++
		if in.Op == OpLoop {
			f.loops++
			f.edges += uint64(f.loops)
		}
		f.into, f.kinds = append(f.into, 0), append(f.kinds, in.Op)
	case OpEnd:
		f.close()
	case OpBr, OpBrIf:
		f.branch(in.A)
	case OpBrTable:
		for _, label := range w.Labels {
			f.branch(label)
		}
	}
}

func (f *flow) branch(label uint32) {
	f.edges++
	if i := len(f.into) - 1 - int(label); i >= 0 {
		f.into[i]++
	}
}

func (f *flow) close() {
	top := len(f.into) - 1
	if top < 0 {
		return // the end of the function
	}
	n := uint64(f.into[top])
	f.joins += n * n
	if f.kinds[top] == OpLoop {
		f.loops--
	}
	f.into, f.kinds = f.into[:top], f.kinds[:top]
}

// end holds a function against the bounds and begins the next one.
func (f *flow) end(r *reader, b *Body) {
	cost := f.edges * uint64(max(b.LocalCount, 1))
	f.total += cost
	r.limit(b.Offset, "branches times locals of a function", cost, flowMax)
	r.limit(b.Offset, "branches times locals of all functions", f.total, flowTotalMax)
	r.limit(b.Offset, "squared branches to the labels of a function", f.joins, joinsMax)
	f.edges, f.joins, f.loops = 0, 0, 0
	f.into, f.kinds = f.into[:0], f.kinds[:0]
}
