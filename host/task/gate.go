package task

import "sync/atomic"

// Gate keeps the tasks that share it from reading. It is asked between two batches, so what a task
// has read it works off, and a Prepare that is sent after Shut finds all of that in its epoch: the
// task takes the command out of its queue after it was put there, and looks at the gate after that.
// The zero value and nil are open. Any goroutine may use it.
type Gate struct {
	shut atomic.Pointer[chan struct{}] // nil is open; closed by Open
}

// Shut closes the gate. A gate that is shut stays so.
func (g *Gate) Shut() {
	c := make(chan struct{})
	g.shut.CompareAndSwap(nil, &c)
}

// Open lets the tasks read on.
func (g *Gate) Open() {
	if c := g.shut.Swap(nil); c != nil {
		close(*c)
	}
}

// opening returns what is closed when the gate opens, or nil while it is open.
func (g *Gate) opening() <-chan struct{} {
	if g == nil {
		return nil
	}
	if c := g.shut.Load(); c != nil {
		return *c
	}
	return nil
}
