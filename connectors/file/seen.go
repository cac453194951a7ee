package file

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// seen is the set of files that were turned into splits. A file is known by path, size and
// modification time, so a file with an old or equal time that appears late is read all the same.
//
// The set is bounded: a file that is gone is forgotten after the look-back, and above the maximum
// the files with the oldest times are forgotten and floor rises to the newest of these times. A
// file that is not in the set and not newer than floor counts as read: nothing is ever read twice
// because it was forgotten.
type seen struct {
	floor int64 // Unix nanoseconds
	files map[string]seenFile
}

type seenFile struct {
	size      int64
	modTime   int64 // Unix nanoseconds
	goneSince int64 // Unix milliseconds of the first listing without it; 0 when it was listed
}

func newSeen() *seen { return &seen{floor: math.MinInt64, files: map[string]seenFile{}} }

// update compares the set with a complete listing and returns the files to read, in the order of
// the listing. changed says whether the set is another one now.
func (s *seen) update(
	listed []filesystem.Info, now time.Time, lookBack time.Duration, filesMax int,
) (fresh []filesystem.Info, changed bool) {
	present := make(map[string]struct{}, len(listed))
	for _, f := range listed {
		present[f.Path] = struct{}{}
		is := seenFile{size: f.Size, modTime: f.ModTime.UnixNano()}
		was, known := s.files[f.Path]
		if was == is || !known && is.modTime <= s.floor {
			continue
		}
		s.files[f.Path] = is
		changed = true
		if !known || was.size != is.size || was.modTime != is.modTime {
			fresh = append(fresh, f)
		}
	}
	for path, f := range s.files {
		if _, ok := present[path]; ok {
			continue
		}
		switch {
		case f.goneSince == 0:
			f.goneSince = now.UnixMilli()
			s.files[path] = f
			changed = true
		case now.Sub(time.UnixMilli(f.goneSince)) > lookBack:
			delete(s.files, path)
			changed = true
		}
	}
	return fresh, s.bound(filesMax) || changed
}

// bound forgets the oldest files above the maximum.
func (s *seen) bound(filesMax int) bool {
	surplus := len(s.files) - filesMax
	if surplus <= 0 {
		return false
	}
	paths := slices.Collect(maps.Keys(s.files))
	slices.SortFunc(paths, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.files[a].modTime, s.files[b].modTime), cmp.Compare(a, b))
	})
	for _, p := range paths[:surplus] {
		s.floor = max(s.floor, s.files[p].modTime)
		delete(s.files, p)
	}
	return true
}

// encode writes the set in path order. A path is stored as how much it shares with the one before
// and the rest: the files of a folder differ in a few bytes.
func (s *seen) encode() checkpoint.Position {
	b := []byte{kindSeen}
	b = binary.AppendVarint(b, s.floor)
	b = binary.AppendUvarint(b, uint64(len(s.files)))
	before := ""
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		f := s.files[path]
		shared := sharedPrefix(before, path)
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendString(b, path[shared:])
		b = binary.AppendUvarint(b, uint64(f.size))
		b = binary.AppendVarint(b, f.modTime)
		b = binary.AppendVarint(b, f.goneSince)
		before = path
	}
	return checkpoint.Position{Version: positionVersion, Data: b}
}

// decodeSeen reads an encoded set. The zero position is the empty set.
func decodeSeen(p checkpoint.Position) (*seen, error) {
	out := newSeen()
	if p.IsZero() {
		return out, nil
	}
	d, err := newDecoder(p, kindSeen)
	if err != nil {
		return nil, err
	}
	out.floor = d.varint()
	before := ""
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		path := d.frontCoded(before)
		f := seenFile{size: d.length(), modTime: d.varint(), goneSince: d.varint()}
		if path <= before {
			d.fail("paths are out of order")
		}
		if d.err == nil {
			out.files[path] = f
		}
		before = path
	}
	return out, d.finish()
}

// frontCoded reads a string that shares its first bytes with before.
func (d *decoder) frontCoded(before string) string {
	shared := d.uvarint()
	if shared > uint64(len(before)) {
		d.fail("string shares more than there is")
		return ""
	}
	return before[:shared] + d.string(pathBytesMax-int(shared))
}

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b), pathBytesMax)
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
