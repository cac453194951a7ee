package host

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// plan is a job file turned into what every task is built from.
type plan struct {
	tasks      int
	sources    []*config.Source
	transforms []*config.Transform // every one after those it reads
	sinks      []*config.Sink      // the dead letters' first, if any: others report to it
	dead       *config.Sink
	// readers lists, for each source and transform, who takes its records.
	readers map[string][]reader
}

// reader is the end of an edge.
type reader struct {
	output string // output of the function that is read; "" is the main one
	name   string // transform or sink that reads it
}

func newPlan(job *config.Job, tasks int) *plan {
	p := &plan{tasks: tasks, readers: map[string][]reader{}}
	for i := range job.Sources {
		p.sources = append(p.sources, &job.Sources[i])
	}
	for i := range job.Transforms {
		t := &job.Transforms[i]
		p.transforms = append(p.transforms, t)
		p.read(t.Name, t.From)
	}
	if p.dead = job.DeadLetter; p.dead != nil {
		p.sinks = append(p.sinks, p.dead)
	}
	for i := range job.Sinks {
		s := &job.Sinks[i]
		p.sinks = append(p.sinks, s)
		p.read(s.Name, s.From)
	}
	return p
}

func (p *plan) read(name string, from []config.Edge) {
	for _, e := range from {
		p.readers[e.Node] = append(p.readers[e.Node], reader{output: e.Output, name: name})
	}
}

// sourceNames returns the names of the sources, sorted.
func (p *plan) sourceNames() []string {
	names := make([]string, len(p.sources))
	for i, s := range p.sources {
		names[i] = s.Name
	}
	slices.Sort(names)
	return names
}

// checkOutputs reports every edge that reads an output its function does not have. outputs
// returns the named outputs of a function.
func (p *plan) checkOutputs(job *config.Job, outputs func(connectors.FunctionRef) []string) error {
	check := func(node string, ref connectors.FunctionRef) error {
		has := outputs(ref)
		for _, r := range p.readers[node] {
			if r.output == "" || slices.Contains(has, r.output) {
				continue
			}
			section := "sinks"
			if slices.ContainsFunc(p.transforms, func(t *config.Transform) bool {
				return t.Name == r.name
			}) {
				section = "transforms"
			}
			return job.Refuse(section+"."+r.name+".from", fmt.Sprintf(
				"%q has no output %q; %s", node, r.output, namesOrNone(has)))
		}
		return nil
	}
	for _, s := range p.sources {
		if err := check(s.Name, s.Deserializer); err != nil {
			return err
		}
	}
	for _, t := range p.transforms {
		if err := check(t.Name, refOf(t)); err != nil {
			return err
		}
	}
	return nil
}

// outputsRead returns the named outputs of a stage that others read.
func (p *plan) outputsRead(step string) []string {
	var names []string
	for _, r := range p.readers[step] {
		if r.output != "" {
			names = append(names, r.output)
		}
	}
	return names
}

func namesOrNone(names []string) string {
	if len(names) == 0 {
		return "it has a main output only; leave the name after the dot out"
	}
	return fmt.Sprintf("it has %q", names)
}

func refOf(t *config.Transform) connectors.FunctionRef {
	return connectors.FunctionRef{Plugin: t.Plugin, Function: t.Function}
}

// edges returns where the outputs of node lead, given the stages by name.
func (p *plan) edges(node string, named []string, stages map[string]task.Stage) []task.Edge {
	var out []task.Edge
	for _, r := range p.readers[node] {
		output := 0
		if r.output != "" {
			output = 1 + slices.Index(named, r.output)
		}
		out = append(out, task.Edge{Output: uint16(output), To: stages[r.name]})
	}
	slices.SortStableFunc(out, func(a, b task.Edge) int { return cmp.Compare(a.Output, b.Output) })
	return out
}
