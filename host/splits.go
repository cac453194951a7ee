package host

import (
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
)

// splitsPerHandoutMax bounds how many splits one task gets at a time, so that many tiny files do
// not cost a round trip each and a few large ones still spread.
const splitsPerHandoutMax = 64

// splitPool knows every unfinished split of one source that no reader holds, and which tasks wait
// for more. It is used by the coordinator's goroutine alone.
type splitPool struct {
	assigner connectors.Assigner // nil: everything is handed out on demand
	state    checkpoint.Position // of the enumerator
	done     bool                // the enumerator will find nothing more
	queue    []checkpoint.Split  // to be handed out on demand, in order
	placed   [][]checkpoint.Split
	busy     []bool // an AddSplits is on its way to the task
	idle     []bool // the task has read everything it was given
}

func newSplitPool(source connectors.Source, tasks int) *splitPool {
	p := &splitPool{
		placed: make([][]checkpoint.Split, tasks),
		busy:   make([]bool, tasks),
		idle:   slices.Repeat([]bool{true}, tasks),
	}
	p.assigner, _ = source.(connectors.Assigner)
	return p
}

// restore adopts what a manifest kept of the source.
func (p *splitPool) restore(s checkpoint.SourceState) {
	p.state, p.done = s.Enumerator, s.Finished
	p.place(s.Splits)
}

// adopt takes the answer of an enumeration: splits and state together.
func (p *splitPool) adopt(e connectors.Enumeration) {
	p.state, p.done = e.State, e.Done
	p.place(e.Found)
}

func (p *splitPool) place(splits []checkpoint.Split) {
	for _, s := range splits {
		if p.assigner != nil {
			if t, ok := p.assigner.AssignTask(s.ID, len(p.placed)); ok {
				p.placed[t] = append(p.placed[t], s)
				continue
			}
		}
		p.queue = append(p.queue, s)
	}
}

// next returns the splits to hand to task now, or none. The caller sends them and reports back
// with added.
func (p *splitPool) next(task int) []checkpoint.Split {
	if p.busy[task] {
		return nil
	}
	out := p.placed[task]
	p.placed[task] = nil
	if p.idle[task] && len(out) == 0 && len(p.queue) > 0 {
		n := min(max(1, len(p.queue)/(2*len(p.placed))), splitsPerHandoutMax)
		out = slices.Clone(p.queue[:n])
		p.queue = p.queue[n:]
	}
	if len(out) > 0 {
		p.busy[task], p.idle[task] = true, false
	}
	return out
}

// added notes that the reader of task holds the splits of the last next.
func (p *splitPool) added(task int) { p.busy[task] = false }

// ended notes that task has read everything it was given, unless more is on its way.
func (p *splitPool) ended(task int) {
	if !p.busy[task] {
		p.idle[task] = true
	}
}

// unassigned returns every split that no reader holds.
func (p *splitPool) unassigned() []checkpoint.Split {
	out := slices.Clone(p.queue)
	for _, s := range p.placed {
		out = append(out, s...)
	}
	return out
}

// finished reports whether the source is bounded and read to its end.
func (p *splitPool) finished() bool {
	if !p.done || len(p.queue) > 0 {
		return false
	}
	for t := range p.placed {
		if p.busy[t] || !p.idle[t] || len(p.placed[t]) > 0 {
			return false
		}
	}
	return true
}
