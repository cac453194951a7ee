package config

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors"
)

// checkFiles finds sinks that write the same files, and sources that read what the job writes. The
// problem stands at the sink and names the other line.
func (l *loader) checkFiles() {
	var earlier []Sink
	for _, s := range l.sinksByLine() {
		w, ok := s.Config.(connectors.FileWriter)
		if !ok || w.FileTarget().Path == "" {
			continue
		}
		key := sinkKey(s) + ".path"
		target := w.FileTarget()
		for _, e := range earlier {
			if plainPath(e.Config.(connectors.FileWriter).FileTarget().Path) == plainPath(target.Path) {
				l.addf(l.root.lineOf(key), key, "%s writes to the same path in line %d; name another, or "+
					"have one sink read both", sinkKey(e), l.root.lineOf(sinkKey(e)+".path"))
			}
		}
		earlier = append(earlier, s)
		l.checkReads(key, target)
	}
}

// sinksByLine returns all sinks in the order of the file.
func (l *loader) sinksByLine() []Sink {
	sinks := slices.Clone(l.allSinks())
	slices.SortStableFunc(sinks, func(a, b Sink) int {
		return cmp.Compare(l.root.lineOf(sinkKey(a)), l.root.lineOf(sinkKey(b)))
	})
	return sinks
}

// checkReads finds sources that read what is written to target, which the table at key names.
func (l *loader) checkReads(key string, target connectors.FileTarget) {
	for _, s := range l.job.Sources {
		r, ok := s.Config.(connectors.FileReader)
		if !ok || r.FileReach().Root == "" {
			continue
		}
		line := l.root.lineOf(join("sources", s.Name) + ".path")
		switch readsBack(r.FileReach(), target) {
		case surely:
			l.addf(l.root.lineOf(key), key, "sources.%s in line %d reads what is written here; write "+
				"somewhere else", s.Name, line)
		case perhaps:
			l.warnf(l.root.lineOf(key), key, "sources.%s in line %d may read what is written here; "+
				"write somewhere else, or see to it that its filter leaves these files out", s.Name, line)
		}
	}
}

// certainty is what can be said of two paths without a look at the disk.
type certainty int

const (
	never certainty = iota
	perhaps
	surely
)

// readsBack tells whether a source reads what is written to target.
func readsBack(reach connectors.FileReach, target connectors.FileTarget) certainty {
	root, written := plainPath(reach.Root), plainPath(target.Path)
	is := never
	switch {
	case root == written:
		is = perhaps // a bucketer may put files into the folder itself
		if !target.Folder || target.Flat || reach.Nested {
			is = surely
		}
	case isBelow(root, written):
		switch {
		case reach.Nested:
			is = surely
		case reach.Filtered, !target.Folder && path.Dir(written) == root:
			is = perhaps // a glob may cross folders; with one task the target is a file of root
		}
	case isBelow(written, root):
		is = perhaps // root may be a bucket
	}
	if reach.Filtered {
		is = min(is, perhaps)
	}
	return is
}

// isBelow reports whether p lies in the folder dir or in one below it.
func isBelow(dir, p string) bool {
	return strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// plainPath brings the ways to write one location into one form.
func plainPath(location string) string {
	scheme, rest, isURL := strings.Cut(location, "://")
	switch {
	case !isURL:
		return path.Clean(location)
	case scheme == "file":
		return path.Clean("/" + strings.TrimPrefix(rest, "localhost"))
	}
	return scheme + "://" + path.Clean(rest)
}
