package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Report is the part of one task in an epoch.
type Report struct {
	Task  int
	Epoch Epoch
	// Splits are the unfinished splits of the task, by name of the source, as Snapshot returned
	// them. A split that the task had and that is not here is finished.
	Splits map[string][]Split
	// Committables are what the writers prepared.
	Committables []Committable
	State        []StateHandle
	// Counts are what each stage of the task has counted since the tasks were started.
	Counts map[string]Count
}

// SourceProgress is the coordinator's part of one source in an epoch, taken when Prepare is sent
// to the tasks.
type SourceProgress struct {
	Name       string
	Enumerator Position
	// Unassigned are the known splits that no task was given before Prepare, in reading order.
	Unassigned []Split
	// Done says that nothing more will ever be found.
	Done bool
}

// assemble makes the manifest of the epoch in progress from its parts.
//
// Every known unfinished split gets into it exactly once, wherever it was when Prepare went out.
// A split handed to a task (1) before Prepare is in that task's report, because both travel in
// one queue, (2) after Prepare is still in the coordinator's part, with the position it started
// from: its records belong to the next epoch, like every record after the task's report.
func (m *Machine) assemble() (Manifest, error) {
	a := &m.attempt
	out := Manifest{
		Kind:        KindEpoch,
		Epoch:       a.epoch,
		JobID:       m.restored.JobID,
		JobName:     m.cfg.JobName,
		Owner:       m.owner,
		Parallelism: m.cfg.Parallelism,
		Generation:  m.restored.Generation,
		Log:         m.cfg.Log,
		Modules:     slices.Clone(a.collected.Modules),
		Held:        slices.Clone(m.restored.Held), // unless a Settler says something else
		Counts:      maps.Clone(m.restored.Counts),
	}
	slices.SortFunc(out.Modules, func(x, y Module) int { return cmp.Compare(x.Plugin, y.Plugin) })
	sources, err := assembleSources(a.collected.Sources, a.reports)
	if err != nil {
		return Manifest{}, err
	}
	out.Sources = sources
	for _, r := range a.reports {
		for _, c := range r.Committables {
			// The epoch that decides is known here and nowhere else for certain.
			c.Epoch = a.epoch
			out.Committables = append(out.Committables, c)
		}
		out.State = append(out.State, r.State...)
		out.count(r.Counts)
	}
	if a.final && m.inputDone && !out.Finished() {
		return Manifest{}, errors.New("the input was said to have ended, but splits are left")
	}
	return out, nil
}

// count adds what one task counted.
func (m *Manifest) count(counts map[string]Count) {
	if m.Counts == nil && len(counts) > 0 {
		m.Counts = make(map[string]Count, len(counts))
	}
	for stage, c := range counts {
		m.Counts[stage] = m.Counts[stage].Add(c)
	}
}

// assembleSources merges by source, in order of names.
func assembleSources(progress []SourceProgress, reports []*Report) ([]SourceState, error) {
	states := make([]SourceState, len(progress))
	byName := make(map[string]int, len(progress))
	sorted := slices.Clone(progress)
	slices.SortFunc(sorted, func(x, y SourceProgress) int { return cmp.Compare(x.Name, y.Name) })
	for i, p := range sorted {
		if _, ok := byName[p.Name]; ok {
			return nil, fmt.Errorf("source %q is there twice", p.Name)
		}
		byName[p.Name] = i
		states[i] = SourceState{Name: p.Name, Enumerator: p.Enumerator}
	}
	for _, r := range reports {
		for name, splits := range r.Splits {
			i, ok := byName[name]
			if !ok {
				return nil, fmt.Errorf("task %d reports source %q, which the job does not have",
					r.Task, name)
			}
			states[i].Splits = append(states[i].Splits, splits...)
		}
	}
	for i, p := range sorted {
		// What is being read comes first: a restart goes on with it before it opens the rest.
		states[i].Splits = append(states[i].Splits, p.Unassigned...)
		states[i].Finished = p.Done && len(states[i].Splits) == 0
		if id, ok := duplicateID(states[i].Splits); ok {
			return nil, fmt.Errorf("source %q: split %q is there twice", p.Name, id)
		}
	}
	return states, nil
}

// duplicateID returns an ID that occurs more than once.
func duplicateID(splits []Split) (string, bool) {
	seen := make(map[string]struct{}, len(splits))
	for _, s := range splits {
		if _, ok := seen[s.ID]; ok {
			return s.ID, true
		}
		seen[s.ID] = struct{}{}
	}
	return "", false
}

// Missing returns the tasks that have not answered the Prepare that is under way: one that hangs in
// a sink or a guest is among them.
func (m *Machine) Missing() []int {
	if m.state != StatePreparing {
		return nil
	}
	var tasks []int
	for task, r := range m.attempt.reports {
		if r == nil {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

// missingParts words Missing.
func (m *Machine) missingParts() string {
	var tasks []string
	for _, task := range m.Missing() {
		tasks = append(tasks, strconv.Itoa(task))
	}
	if len(tasks) == 0 {
		return "the coordinator"
	}
	return "task " + strings.Join(tasks, ", ")
}

// Finished reports whether m ends a bounded job: all input is read.
func (m *Manifest) Finished() bool {
	for _, s := range m.Sources {
		if !s.Finished {
			return false
		}
	}
	return len(m.Sources) > 0
}

// Reconcile compares the sources of a manifest with those of the job file and returns the states
// to go on with. A source that is in the manifest only is an *UnknownSourceError unless drop names
// it: the rest of its input would be skipped without a word. A source that is in the job
// file only begins at its start mode.
func Reconcile(states []SourceState, jobFile, drop []string) ([]SourceState, error) {
	kept := make([]SourceState, 0, len(states))
	var problems []error
	for _, s := range states {
		switch {
		case slices.Contains(jobFile, s.Name):
			kept = append(kept, s)
		case !slices.Contains(drop, s.Name):
			problems = append(problems, &UnknownSourceError{s.Name})
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return kept, nil
}
