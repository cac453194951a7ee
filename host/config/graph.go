package config

import (
	"fmt"
	"slices"
	"strings"
)

// checkGraph checks that edges lead from sources through transforms to sinks.
func (l *loader) checkGraph() {
	l.checkNamesDiffer()
	if len(l.job.Sources) == 0 && !l.has("sources") {
		l.addf(l.root.lineOf("sources"), "sources", "required; add a [sources.x] table")
	}
	if len(l.job.Sinks) == 0 && !l.has("sinks") {
		l.addf(l.root.lineOf("sinks"), "sinks", "required; add a [sinks.x] table")
	}
	read := map[string]bool{}
	for _, t := range l.job.Transforms {
		l.checkFrom(join("transforms", t.Name), t.From, read)
	}
	for _, s := range l.job.Sinks {
		l.checkFrom(join("sinks", s.Name), s.From, read)
	}
	l.warnOfUnread(read)
	l.order()
}

// checkNamesDiffer reports names that two sections share: from lists, metrics and messages name
// sources, transforms and sinks alike.
func (l *loader) checkNamesDiffer() {
	sections := []string{"sources", "transforms", "sinks"}
	owner := map[string]string{}
	for _, section := range sections {
		for _, name := range sortedNames(l.tables(section)) {
			if first, taken := owner[name]; taken {
				key := join(section, name)
				l.addf(l.root.lineOf(key), key, "the name is taken by [%s] in line %d; choose another",
					join(first, name), l.root.lineOf(join(first, name)))
				continue
			}
			owner[name] = section
		}
	}
}

// checkFrom checks the edges into the table at key, and notes in read what they lead from.
func (l *loader) checkFrom(key string, from []Edge, read map[string]bool) {
	path := key + ".from"
	if len(from) == 0 {
		if !l.has(path) {
			l.addf(l.root.lineOf(path), path, "required; list the sources and transforms it reads")
		}
		return
	}
	sources, transforms := l.tables("sources"), l.tables("transforms")
	known := append(sortedNames(sources), sortedNames(transforms)...)
	for i, e := range from {
		at := fmt.Sprintf("%s[%d]", path, i)
		read[e.Node] = true
		switch {
		case l.has(at):
		case slices.Contains(from[:i], e):
			l.addf(l.root.lineOf(at), at, "%q is listed twice; its records would arrive twice", e)
		case sources[e.Node] != nil:
			l.checkSourceOutput(at, e)
		case transforms[e.Node] != nil:
		case l.tables("sinks")[e.Node] != nil:
			l.addf(l.root.lineOf(at), at, "%q is a sink, nothing can be read from it; "+
				"name a source or transform", e.Node)
		default:
			l.addf(l.root.lineOf(at), at, "%s", unknown("source or transform", e.Node, known))
		}
	}
}

// checkSourceOutput refuses a named output of a source whose deserializer is no guest.
func (l *loader) checkSourceOutput(at string, e Edge) {
	if e.Output == "" {
		return
	}
	for _, s := range l.job.Sources {
		if s.Name == e.Node && s.Deserializer.Plugin == "" {
			l.addf(l.root.lineOf(at), at, "source %s has no named outputs; write \"%s\"", e.Node, e.Node)
		}
	}
}

// warnOfUnread names sources and transforms whose records go nowhere.
func (l *loader) warnOfUnread(read map[string]bool) {
	for _, section := range []string{"sources", "transforms"} {
		for _, name := range sortedNames(l.tables(section)) {
			if key := join(section, name); !read[name] {
				l.warnf(l.root.lineOf(key), key,
					"nothing reads its records; name it in a from list or remove it")
			}
		}
	}
}

// order brings the transforms into an order in which each stands after those it reads, those
// that are free to choose by name. Every circle is reported.
func (l *loader) order() {
	byName := map[string]Transform{}
	for _, t := range l.job.Transforms {
		byName[t.Name] = t
	}
	var ordered []Transform
	var onPath []string
	done := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		t, ok := byName[name]
		if !ok || done[name] {
			return
		}
		if i := slices.Index(onPath, name); i >= 0 {
			l.addCircle(onPath[i:])
			return
		}
		onPath = append(onPath, name)
		for _, e := range t.From {
			visit(e.Node)
		}
		onPath = onPath[:len(onPath)-1]
		done[name] = true
		ordered = append(ordered, t)
	}
	for _, name := range sortedNames(byName) {
		visit(name)
	}
	l.job.Transforms = ordered
}

// addCircle reports transforms of which each reads the next, and the last the first.
func (l *loader) addCircle(names []string) {
	key := join("transforms", names[0]) + ".from"
	l.addf(l.root.lineOf(key), key, "the transforms read each other in a circle: %s <- %s; break it",
		strings.Join(names, " <- "), names[0])
}
