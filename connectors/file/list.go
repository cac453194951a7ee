package file

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// copyingMark is part of the name of a file that HDFS tools are still copying.
const copyingMark = "_COPYING_"

// list returns the files to read, by age and then by path.
func (s *Source) list(ctx context.Context) ([]filesystem.Info, error) {
	w := walk{source: s}
	root, err := s.fs.Stat(ctx, s.root)
	switch {
	case err != nil:
		return nil, s.rootError(err)
	case s.glob != "":
		err = w.expand(ctx, s.root, s.glob)
	case root.Dir:
		err = w.folder(ctx, s.root, s.cfg.Nested)
	case s.wanted(root):
		w.found = append(w.found, root)
	}
	if err != nil {
		return nil, s.rootError(err)
	}
	slices.SortFunc(w.found, func(a, b filesystem.Info) int {
		return cmp.Or(a.ModTime.Compare(b.ModTime), cmp.Compare(a.Path, b.Path))
	})
	return slices.CompactFunc(w.found, func(a, b filesystem.Info) bool {
		return a.Path == b.Path
	}), nil
}

// walk gathers the files of one listing.
type walk struct {
	source *Source
	found  []filesystem.Info
}

// folder adds the files in dir.
func (w *walk) folder(ctx context.Context, dir string, nested bool) error {
	for info, err := range w.source.fs.List(ctx, dir, nested) {
		if err != nil {
			return err
		}
		if !info.Dir && w.source.wanted(info) {
			w.found = append(w.found, info)
		}
	}
	return nil
}

// expand adds the files below dir that glob matches, and those in folders that it matches. It
// goes segment by segment, so that only folders that can match are listed.
func (w *walk) expand(ctx context.Context, dir, glob string) error {
	segments := globSegments(glob)
	if segments == nil {
		return w.expandWhole(ctx, dir, glob)
	}
	p, err := compileGlob(segments[0])
	if err != nil {
		return err
	}
	rest := segments[1:]
	for info, err := range w.source.fs.List(ctx, dir, false) {
		switch {
		case err != nil:
			return err
		case !p.match(path.Base(info.Path)) || w.source.hidden(info.Path):
			continue
		case !info.Dir && len(rest) == 0 && w.source.wanted(info):
			w.found = append(w.found, info)
		case info.Dir && len(rest) == 0:
			err = w.folder(ctx, info.Path, w.source.cfg.Nested)
		case info.Dir:
			err = w.expand(ctx, info.Path, strings.Join(rest, "/"))
		}
		if err != nil && !errors.Is(err, filesystem.ErrNotFound) {
			return err // a folder that vanished meanwhile holds no files
		}
	}
	return nil
}

// expandWhole tries a pattern that crosses slashes against every path below dir.
func (w *walk) expandWhole(ctx context.Context, dir, glob string) error {
	p, err := compileGlob(glob)
	if err != nil {
		return err
	}
	for info, err := range w.source.fs.List(ctx, dir, true) {
		if err != nil {
			return err
		}
		if !info.Dir && p.match(below(dir, info.Path)) && w.source.wanted(info) {
			w.found = append(w.found, info)
		}
	}
	return nil
}

// wanted reports whether the file passes the filters. The file that path itself names is taken
// even when its name is hidden.
func (s *Source) wanted(info filesystem.Info) bool {
	rel := below(s.root, info.Path)
	if rel == "" {
		rel = path.Base(info.Path)
	} else if s.hidden(info.Path) {
		return false
	}
	return s.filter.includes(info.Path, rel) && !s.filter.excludes(info.Path, rel)
}

// hidden reports whether a part of p below the root is a name that other tools use for files that
// are not ready, or is an excluded folder.
func (s *Source) hidden(p string) bool {
	rel := below(s.root, p)
	for at := 0; at < len(rel); {
		end := strings.IndexByte(rel[at:], '/')
		if end < 0 {
			end = len(rel) - at
		}
		name := rel[at : at+end]
		if name[0] == '.' || name[0] == '_' || strings.Contains(name, copyingMark) {
			return true
		}
		at += end
		if at < len(rel) && s.filter.excludes(path.Join(s.root, rel[:at]), rel[:at]) {
			return true
		}
		at++
	}
	return false
}

// below returns the path of p below root, "" for root itself.
func below(root, p string) string {
	return strings.TrimPrefix(strings.TrimPrefix(p, root), "/")
}
