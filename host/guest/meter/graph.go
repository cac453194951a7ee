package meter

import (
	"slices"

	"github.com/wasmflow/wasmflow/host/guest/wasm"
)

// classes groups the module's types by structure, because that is how indirect calls compare them,
// and knows which functions an indirect call can reach.
type classes struct {
	m     *wasm.Module
	of    []uint32 // class by type index
	count int
	taken []bool     // by function index: its address is taken
	funcs [][]uint32 // by class: own functions whose address is taken
}

func newClasses(m *wasm.Module) *classes {
	c := &classes{m: m, of: make([]uint32, len(m.Types)), taken: make([]bool, len(m.Funcs))}
	known := make(map[string]uint32, len(m.Types))
	for i, t := range m.Types {
		key := t.String()
		class, ok := known[key]
		if !ok {
			class = uint32(c.count)
			known[key] = class
			c.count++
		}
		c.of[i] = class
	}
	for _, s := range m.Segments {
		for _, f := range s.Funcs {
			c.take(f)
		}
	}
	for _, f := range m.GlobalFuncs {
		c.take(f)
	}
	return c
}

// take notes that the address of a function is taken.
func (c *classes) take(fn uint32) { c.taken[fn] = true }

// node is the call graph's node for indirect calls of a type.
func (c *classes) node(typeIndex uint32) uint32 {
	return uint32(len(c.m.Bodies)) + c.of[typeIndex]
}

// collect lists what each class reaches, once all addresses that are taken are known.
func (c *classes) collect() {
	c.funcs = make([][]uint32, c.count)
	for fn, taken := range c.taken {
		if own := fn - c.m.FuncsImported; taken && own >= 0 {
			class := c.of[c.m.Funcs[fn]]
			c.funcs[class] = append(c.funcs[class], uint32(own))
		}
	}
}

// graph finds the strongly connected components of the call graph (Tarjan). Its nodes are the own
// functions, and one for each class of types that stands for all an indirect call can reach.
type graph struct {
	funcs   []function
	classes *classes

	number []uint32 // order of the first visit, 0 for none yet
	low    []uint32
	stack  []uint32
	on     []bool
	path   []visit
	count  uint32

	// By node: recursive ones are functions that are, and classes with one among them. deep ones are
	// those from which calls lead there.
	recursive, deep []bool
}

type visit struct {
	node uint32
	next int // of the edges
}

func (g *graph) edges(node uint32) []uint32 {
	if n := uint32(len(g.funcs)); node >= n {
		return g.classes.funcs[node-n]
	}
	return g.funcs[node].calls
}

func (g *graph) recurses(node uint32) bool { return g.recursive[node] }

// components calls done with the functions of each component, callees first, and whether its
// functions may be entered again before they have returned. It does not recurse itself: a module
// may have a chain of 200,000 calls.
func (g *graph) components(done func(funcs []uint32, recursive bool)) {
	n := len(g.funcs) + g.classes.count
	g.number, g.low, g.on = make([]uint32, n), make([]uint32, n), make([]bool, n)
	g.deep, g.recursive = make([]bool, n), make([]bool, n)
	for root := range g.funcs {
		if g.number[root] != 0 {
			continue
		}
		g.enter(uint32(root))
		for len(g.path) > 0 {
			g.step(done)
		}
	}
}

func (g *graph) enter(node uint32) {
	g.count++
	g.number[node], g.low[node], g.on[node] = g.count, g.count, true
	g.stack = append(g.stack, node)
	g.path = append(g.path, visit{node: node})
}

func (g *graph) step(done func(funcs []uint32, recursive bool)) {
	at := &g.path[len(g.path)-1]
	node := at.node
	edges := g.edges(node)
	for at.next < len(edges) {
		to := edges[at.next]
		at.next++
		if g.number[to] == 0 {
			g.enter(to)
			return
		}
		if g.on[to] {
			g.low[node] = min(g.low[node], g.number[to])
		}
	}
	g.path = g.path[:len(g.path)-1]
	if len(g.path) > 0 {
		parent := g.path[len(g.path)-1].node
		g.low[parent] = min(g.low[parent], g.low[node])
	}
	if g.low[node] == g.number[node] {
		g.pop(node, done)
	}
}

// pop takes the component off the stack whose first node is root.
func (g *graph) pop(root uint32, done func(funcs []uint32, recursive bool)) {
	from := len(g.stack) - 1
	for g.stack[from] != root {
		from--
	}
	members := g.stack[from:]
	recursive, deep := len(members) > 1, false
	funcs := make([]uint32, 0, len(members))
	for _, node := range members {
		g.on[node] = false
		for _, to := range g.edges(node) {
			recursive = recursive || to == node
			deep = deep || g.deep[to]
		}
		if int(node) < len(g.funcs) {
			funcs = append(funcs, node)
		}
	}
	for _, node := range members {
		class := int(node) >= len(g.funcs)
		g.recursive[node] = recursive || class && slices.ContainsFunc(g.edges(node), g.recurses)
		g.deep[node] = recursive || deep
	}
	g.stack = g.stack[:from]
	if len(funcs) > 0 {
		done(funcs, recursive)
	}
}
