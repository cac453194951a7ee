package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// summary is what run prints when it ends. It counts what the job has decided since it began, over
// all its runs: what was read after the last epoch will be read again.
type summary struct {
	Job      string           `json:"job"`
	Outcome  string           `json:"outcome"` // finished, stopped, failed, fenced
	Epoch    checkpoint.Epoch `json:"epoch"`   // the last published one; 0 is none
	Restarts int              `json:"restarts"`
	Seconds  float64          `json:"seconds"`
	Stages   []stageSummary   `json:"stages"`
	Totals   totals           `json:"totals"`
	// Earlier is how many of the records earlier runs have read.
	Earlier uint64 `json:"read_by_earlier_runs"`
	// NothingNew tells that earlier runs have read all there is to the end: there was nothing to do.
	NothingNew bool `json:"all_input_read_by_earlier_run"`
	// Incomparable says why the totals need not add up; empty when they must.
	Incomparable string `json:"incomparable,omitempty"`
	Error        string `json:"error,omitempty"`
}

// stageSummary is one source, transform or sink over all tasks.
type stageSummary struct {
	Kind    string `json:"kind"` // source, transform, sink
	Name    string `json:"name"`
	In      uint64 `json:"in"`
	Out     uint64 `json:"out"`
	Dropped uint64 `json:"dropped"` // taken by the function without output and without an error
	Skipped uint64 `json:"skipped"`
	Dead    uint64 `json:"dead_letters"`
	Bytes   uint64 `json:"bytes"` // of keys and values, read or written
}

// totals are the sums over all stages.
type totals struct {
	Read    uint64 `json:"read"`    // by sources
	Written uint64 `json:"written"` // by sinks, dead letters left out
	Dropped uint64 `json:"dropped"`
	Skipped uint64 `json:"skipped"`
	Dead    uint64 `json:"dead_letters"` // refused and handed to the dead-letter sink
	Letters uint64 `json:"dead_letters_written"`
	// Unread are records of outputs that no stage reads.
	Unread uint64 `json:"unread,omitempty"`
}

// addUp reports whether every record that was read ended in one place.
func (t totals) addUp() bool {
	return t.Read == t.Written+t.Dropped+t.Skipped+t.Dead+t.Unread && t.Dead == t.Letters
}

// summarize counts a run that ended with err. before is what earlier runs have counted.
func summarize(job *config.Job, r host.Result, before map[string]checkpoint.Count, err error,
) summary {
	s := summary{
		Job: job.Name, Outcome: outcomeWord(r.Outcome, err), Epoch: r.Epoch,
		Incomparable: copies(job),
	}
	if err != nil {
		s.Error = err.Error()
	}
	var left, entered uint64 // stages by main and named outputs; stages by input
	add := func(kind, name string) checkpoint.Count {
		c := r.Counts[name]
		x := stageSummary{
			Kind: kind, Name: name, In: c.In, Out: c.Out, Skipped: c.Skipped, Dead: c.Dead,
			Bytes: c.InBytes,
		}
		if gone := c.Out + c.Skipped + c.Dead; gone <= c.In {
			x.Dropped = c.In - gone
		} else if s.Incomparable == "" {
			s.Incomparable = fmt.Sprintf("%s makes several records of one", name)
		}
		s.Stages = append(s.Stages, x)
		s.Totals.Dropped += x.Dropped
		s.Totals.Skipped += x.Skipped
		s.Totals.Dead += x.Dead
		return c
	}
	for _, x := range job.Sources {
		c := add("source", x.Name)
		s.Totals.Read += c.In
		s.Earlier += before[x.Name].In
		left += c.Out
	}
	for _, x := range job.Transforms {
		c := add("transform", x.Name)
		entered += c.In
		left += c.Out
	}
	for _, x := range job.Sinks {
		c := add("sink", x.Name)
		s.Totals.Written += c.Out
		entered += c.In
	}
	if job.DeadLetter != nil {
		s.Totals.Letters = add("sink", job.DeadLetter.Name).Out
	}
	if left > entered {
		s.Totals.Unread = left - entered
	}
	s.forgotten(r.Counts)
	return s
}

// forgotten notes that earlier runs counted stages that have left the job file.
func (s *summary) forgotten(counts map[string]checkpoint.Count) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		known := slices.ContainsFunc(s.Stages, func(x stageSummary) bool { return x.Name == name })
		if !known && s.Incomparable == "" {
			s.Incomparable = fmt.Sprintf("earlier runs had a stage %q", name)
		}
	}
}

// allRead reports whether every source of job was finished in base already. Such a source is not
// opened again, whether it reads files, standard input or a socket.
func allRead(job *config.Job, base checkpoint.Manifest) bool {
	for _, x := range job.Sources {
		finished := slices.ContainsFunc(base.Sources, func(s checkpoint.SourceState) bool {
			return s.Name == x.Name && s.Finished
		})
		if !finished {
			return false
		}
	}
	return true
}

func outcomeWord(o checkpoint.Outcome, err error) string {
	switch {
	case o == checkpoint.Fenced:
		return "fenced"
	case o == checkpoint.Finished && err == nil:
		return "finished"
	case o == checkpoint.Stopped && err == nil:
		return "stopped"
	}
	return "failed"
}

// copies says which output is read more than once, so that records are written more often than
// they are read; "" is none.
func copies(job *config.Job) string {
	readers := map[config.Edge]int{}
	count := func(from []config.Edge) {
		for _, e := range from {
			readers[e]++
		}
	}
	for _, t := range job.Transforms {
		count(t.From)
	}
	for _, s := range job.Sinks {
		count(s.From)
	}
	for _, from := range edgesOf(job) {
		if readers[from] > 1 {
			return fmt.Sprintf("%s is read by %d stages", from, readers[from])
		}
	}
	return ""
}

// edgesOf returns every edge of the job in a fixed order.
func edgesOf(job *config.Job) []config.Edge {
	var all []config.Edge
	for _, t := range job.Transforms {
		all = append(all, t.From...)
	}
	for _, s := range job.Sinks {
		all = append(all, s.From...)
	}
	return all
}

// nothing reports whether a run that did not end well has decided nothing yet: what it read will
// be read again, so there is nothing to add up.
func (s summary) nothing() bool { return s.Error != "" && s.Epoch == 0 && s.Totals == (totals{}) }

// print writes s as a person reads it.
func (s summary) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s after %.1f s", s.Job, s.Outcome, s.Seconds)
	if s.Epoch > 0 {
		fmt.Fprintf(&b, "; everything up to epoch %d is published", s.Epoch)
	}
	if s.Restarts > 0 {
		fmt.Fprintf(&b, "; %d restarts", s.Restarts)
	}
	if s.nothing() {
		b.WriteString("; nothing is published\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	b.WriteString("\n\n")
	var table strings.Builder
	t := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tin\tout\tdropped\tskipped\tdead letters\tbytes\t")
	for _, x := range s.Stages {
		bytes := ""
		if x.Kind != "transform" {
			bytes = fmt.Sprint(x.Bytes)
		}
		fmt.Fprintf(t, "%s %s\t%d\t%d\t%d\t%d\t%d\t%s\t\n",
			x.Kind, x.Name, x.In, x.Out, x.Dropped, x.Skipped, x.Dead, bytes)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for row := range strings.Lines(table.String()) {
		b.WriteString(strings.TrimRight(row, " \n") + "\n")
	}
	b.WriteString("\n" + s.sum() + "\n")
	if s.Earlier > 0 {
		fmt.Fprintf(&b, "%d of them were read by earlier runs\n", s.Earlier)
	}
	if s.NothingNew {
		b.WriteString("all input was read by an earlier run; --fresh reads it again\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// sum is the line that a person checks.
func (s summary) sum() string {
	t := s.Totals
	if s.Incomparable != "" {
		return fmt.Sprintf("%d records read, %d written; they need not be equal: %s",
			t.Read, t.Written, s.Incomparable)
	}
	line := fmt.Sprintf("%d records read = %d written + %d dropped", t.Read, t.Written, t.Dropped)
	if t.Skipped > 0 {
		line += fmt.Sprintf(" + %d skipped", t.Skipped)
	}
	if t.Unread > 0 {
		line += fmt.Sprintf(" + %d for outputs that nobody reads", t.Unread)
	}
	line += fmt.Sprintf(" + %d dead letters", t.Dead)
	if !t.addUp() {
		line = strings.Replace(line, " = ", " IS NOT ", 1) + ": please report this as a bug"
	}
	return line
}
