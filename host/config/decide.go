package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// The values of checkpoint.log that name no sink.
const (
	LogAuto  = "auto"
	LogStore = "store"
)

// Decider is where the epochs of a job are decided.
type Decider struct {
	// Log is LogStore, or the connector and the name of Sink: "kafka:out".
	Log string
	// Sink is the one whose system holds the log; nil for the store.
	Sink *Sink
	// Members are the names of the sinks whose output is decided in the log's transaction, Sink
	// among them, in the order of the file. Others prepare their output and commit it afterwards.
	Members []string
}

// Joins reports whether the output of the sink called name is in the log's transaction.
func (d Decider) Joins(name string) bool { return slices.Contains(d.Members, name) }

// DeciderAt returns the decider whose log belongs to the sink called name, which joins that of j.
func (j *Job) DeciderAt(name string) Decider {
	d := j.Decider
	for _, s := range j.allSinks() {
		if s.Name == name && d.Joins(name) {
			d.Sink, d.Log = s, logOf(s)
		}
	}
	return d
}

func logOf(s *Sink) string { return s.Connector + ":" + s.Name }

// allSinks returns the sinks, the one of dead letters last.
func (j *Job) allSinks() []*Sink {
	var out []*Sink
	for i := range j.Sinks {
		out = append(out, &j.Sinks[i])
	}
	if j.DeadLetter != nil {
		out = append(out, j.DeadLetter)
	}
	return out
}

// Guarantee returns the weakest guarantee of the job's parts: what its output is worth.
func (j *Job) Guarantee() connectors.Guarantee {
	weakest := connectors.Guarantee(j.Checkpoint.Mode)
	take := func(g connectors.Guarantee) {
		if strength(g) < strength(weakest) {
			weakest = g
		}
	}
	for _, s := range j.Sources {
		take(s.Config.Guarantee())
	}
	for _, s := range j.allSinks() {
		take(s.Config.Guarantee())
	}
	return weakest
}

func strength(g connectors.Guarantee) int {
	switch g {
	case connectors.ExactlyOnce:
		return 2
	case connectors.AtLeastOnce:
		return 1
	default:
		return 0
	}
}

// UseEmbedded gives the address of the system that the process runs to every table that has none.
func (j *Job) UseEmbedded(address string) {
	use := func(c any) {
		if e, ok := c.(connectors.Embeddable); ok {
			e.UseEmbedded(address)
		}
	}
	for _, s := range j.Sources {
		use(s.Config)
	}
	for _, s := range j.allSinks() {
		use(s.Config)
	}
}

// chooseDecider finds the log that checkpoint.log means, and the sinks that join it.
func (l *loader) chooseDecider() {
	l.job.Decider = Decider{Log: LogStore}
	const key = "checkpoint.log"
	if l.has(key) || l.has("sinks") {
		return
	}
	candidates := l.transactional()
	named := l.job.Checkpoint.Log
	switch {
	case named == LogStore:
	case named == LogAuto && len(candidates) == 0:
	case named == LogAuto:
		l.decideAt(candidates[0], candidates)
		return
	default:
		at := slices.IndexFunc(candidates, func(s *Sink) bool { return logOf(s) == named })
		if at >= 0 {
			l.decideAt(candidates[at], candidates)
			return
		}
		l.refuseLog(key, named, candidates)
		return
	}
	for _, s := range candidates {
		l.standAlone(s, "the store")
	}
}

// transactional returns the sinks that write in transactions, in the order of the file and those of
// dead letters last.
func (l *loader) transactional() []*Sink {
	var out []*Sink
	for _, s := range l.job.allSinks() {
		if j, ok := s.Config.(connectors.LogJoiner); ok && j.Transactional() {
			out = append(out, s)
		}
	}
	line := func(s *Sink) int {
		if s == l.job.DeadLetter {
			return 1 << 30
		}
		return l.root.lineOf(sinkKey(*s))
	}
	slices.SortStableFunc(out, func(a, b *Sink) int { return cmp.Compare(line(a), line(b)) })
	return out
}

// refuseLog says why named is no log.
func (l *loader) refuseLog(key, named string, candidates []*Sink) {
	known := []string{LogAuto, LogStore}
	for _, s := range candidates {
		known = append(known, logOf(s))
	}
	line := l.root.lineOf(key)
	_, name, ok := strings.Cut(named, ":")
	isSink := slices.ContainsFunc(l.job.allSinks(), func(s *Sink) bool { return s.Name == name })
	if ok && isSink {
		l.addf(line, key, "sink %s does not write in transactions, so no epoch can be decided there; "+
			"make it exactly-once, or name another log, there are %s", name, joined(known))
		return
	}
	l.addf(line, key, "%s", unknown("log", named, known))
}

// decideAt makes the system of sink hold the log. Others of the same system join, if they can.
func (l *loader) decideAt(sink *Sink, candidates []*Sink) {
	d := Decider{Log: logOf(sink), Sink: sink}
	first := sink.Config.(connectors.LogJoiner)
	for _, s := range candidates {
		if s != sink && !first.SameSystem(s.Config) {
			l.standAlone(s, "the system of "+sinkKey(*sink))
			continue
		}
		d.Members = append(d.Members, s.Name)
		if s == sink {
			continue
		}
		for _, k := range first.Differences(s.Config) {
			key, other := sinkKey(*s)+"."+k, sinkKey(*sink)
			l.addf(l.root.lineOf(key), key, "differs from %s.%s (line %d), but both are written in one "+
				"transaction by one client; give both the same, or make one at-least-once",
				other, k, l.root.lineOf(other+"."+k))
		}
	}
	l.job.Decider = d
}

// standAlone refuses a sink that cannot be exactly-once although epochs are decided elsewhere, and
// says of one that can what bounds it.
func (l *loader) standAlone(s *Sink, elsewhere string) {
	key := sinkKey(*s)
	if s.Config.(connectors.LogJoiner).StandsAlone() {
		l.warnf(l.root.lineOf(key), key, "its epochs are decided in %s, so it commits its output "+
			"after that; an outage that is longer than its transaction_timeout loses what was decided "+
			"and not committed, and the job stops and says so; raise that, or let checkpoint.log be %s",
			elsewhere, logOf(s))
		return
	}
	l.addf(l.root.lineOf(key), key, "its epochs are decided in %s, so its output cannot be in the same "+
		"transaction; make it at-least-once, or let checkpoint.log be %s", elsewhere, logOf(s))
}
