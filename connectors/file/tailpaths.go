package file

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

const (
	// headBytesMax is how many first bytes of a file tell it from others: a few log lines.
	headBytesMax = 256
	// followedMax bounds the followed paths of a source: each costs an open file.
	followedMax = 10_000
)

// followed is the enumerator state of tail mode: every path that was given to a reader, and every
// path to which one of their files was moved. A path is given out once, ever: its reader takes
// care of all files that come to stand under it.
type followed struct{ paths map[string]followedPath }

type followedPath struct {
	identity  string // of the file that stood there when it was listed last
	headBytes int    // so many first bytes of that file
	headSum   uint64 // have this hash
	moved     bool   // the file was moved here from a followed path, whose reader reads it
	goneSince int64  // of moved paths; Unix milliseconds, 0 when it was listed
}

// enumerateTail looks for paths to follow.
func (s *Source) enumerateTail(
	ctx context.Context, state checkpoint.Position,
) (connectors.Enumeration, error) {
	out := connectors.Enumeration{State: state, Again: s.cfg.DiscoverInterval.D()}
	known, err := decodeFollowed(state)
	if err != nil {
		return connectors.Enumeration{}, s.stateError(err)
	}
	files, err := s.list(ctx)
	if errors.Is(err, ErrNoPath) && !state.IsZero() {
		return out, nil // rotated away or removed for now; its reader waits for it
	}
	if err != nil {
		return connectors.Enumeration{}, err
	}
	u := newPathUpdate(s, known, files)
	for _, f := range files {
		if err := u.add(ctx, f); err != nil {
			return connectors.Enumeration{}, err
		}
	}
	known.forget(u.listed, s.env.Now(), s.cfg.LookBack.D())
	if n := len(known.paths); n > followedMax {
		return connectors.Enumeration{}, connectors.Permanent(fmt.Errorf(
			"file source %s: %d files are more than the %d that can be followed; "+
				"narrow include, or use mode continuous", s.env.Name, n, followedMax))
	}
	out.Found = u.found
	out.State = known.encode()
	s.metrics.found.Add(float64(len(out.Found)))
	return out, nil
}

// pathUpdate compares what is known with one listing.
type pathUpdate struct {
	source *Source
	known  *followed
	before map[string]followedPath // what was known when the listing was made
	listed map[string]string       // path -> identity
	owner  map[string]string       // identity -> followed path under which it is listed
	found  []checkpoint.Split
}

func newPathUpdate(s *Source, known *followed, files []filesystem.Info) *pathUpdate {
	u := &pathUpdate{
		source: s, known: known, before: maps.Clone(known.paths),
		listed: map[string]string{}, owner: map[string]string{},
	}
	for _, f := range files {
		u.listed[f.Path] = f.Identity
		if k, ok := known.paths[f.Path]; ok && !k.moved && f.Identity != "" {
			u.owner[f.Identity] = f.Path
		}
	}
	return u
}

// add decides about one listed file. Compressed files do not grow, so they are not followed.
func (u *pathUpdate) add(ctx context.Context, f filesystem.Info) error {
	if codecOf(f.Path) != "" {
		return nil
	}
	k, ok := u.known.paths[f.Path]
	if ok && (!k.moved || k.identity == f.Identity) {
		return u.refresh(ctx, f, k)
	}
	if _, rotated := u.source.rotation.base(f.Path, u.live); rotated {
		return nil // the reader of the path it was rotated away from reads it
	}
	moved, err := u.movedHere(ctx, f)
	if err != nil {
		return err
	}
	k = followedPath{moved: moved}
	if !moved {
		pos := tailPosition{path: f.Path, identity: f.Identity, modTime: f.ModTime.UnixNano()}
		head, err := u.source.head(ctx, f.Path, proofBytesMax)
		if errors.Is(err, ErrVanished) {
			return nil // gone again
		}
		if err != nil {
			return err
		}
		pos.proveBy(head)
		u.found = append(u.found, checkpoint.Split{
			ID: splitID(f.Path, 0, ""), Position: pos.encode(),
		})
		u.owner[f.Identity] = f.Path
	}
	return u.refresh(ctx, f, k)
}

func (u *pathUpdate) live(path string) bool {
	k, known := u.before[path]
	_, listed := u.listed[path]
	return listed || known && !k.moved
}

// refresh notes what stands under a known path now.
func (u *pathUpdate) refresh(ctx context.Context, f filesystem.Info, k followedPath) error {
	k.goneSince = 0
	if k.identity != f.Identity || k.headBytes < headBytesMax && f.Size > int64(k.headBytes) {
		head, err := u.source.head(ctx, f.Path, headBytesMax)
		if err != nil && !errors.Is(err, ErrVanished) {
			return err
		}
		k.identity, k.headBytes, k.headSum = f.Identity, len(head), sumOf(head)
	}
	u.known.paths[f.Path] = k
	return nil
}

// movedHere reports whether the file is one that a reader follows, or followed, under another
// path: a link to it, or a log that was rotated to a name that does not show it. Inodes are used
// again soon, so the first bytes must agree as well.
func (u *pathUpdate) movedHere(ctx context.Context, f filesystem.Info) (bool, error) {
	if f.Identity == "" {
		return false, nil
	}
	if _, owned := u.owner[f.Identity]; owned {
		return true, nil
	}
	for path, k := range u.before {
		if k.identity != f.Identity {
			continue
		}
		if k.headBytes == 0 {
			// Nothing to compare: only a path that leads elsewhere now speaks for a rotation.
			if id, listed := u.listed[path]; listed && id != f.Identity {
				return true, nil
			}
			continue
		}
		head, err := u.source.head(ctx, f.Path, k.headBytes)
		if err != nil && !errors.Is(err, ErrVanished) {
			return false, err
		}
		if len(head) == k.headBytes && sumOf(head) == k.headSum {
			return true, nil
		}
	}
	return false, nil
}

// forget drops moved paths that are away for longer than the look-back. Followed ones stay, so
// that no path is ever given out twice.
func (p *followed) forget(listed map[string]string, now time.Time, lookBack time.Duration) {
	for path, k := range p.paths {
		if _, ok := listed[path]; ok || !k.moved {
			continue
		}
		if k.goneSince == 0 {
			k.goneSince = now.UnixMilli()
			p.paths[path] = k
		} else if now.Sub(time.UnixMilli(k.goneSince)) > lookBack {
			delete(p.paths, path)
		}
	}
}

// encode writes the paths in order, each by what it shares with the one before and the rest.
func (p *followed) encode() checkpoint.Position {
	b := binary.AppendUvarint([]byte{kindPaths}, uint64(len(p.paths)))
	before := ""
	for _, path := range slices.Sorted(maps.Keys(p.paths)) {
		k := p.paths[path]
		shared := sharedPrefix(before, path)
		b = binary.AppendUvarint(b, uint64(shared))
		b = appendString(b, path[shared:])
		b = appendString(b, k.identity)
		b = binary.AppendUvarint(b, uint64(k.headBytes))
		b = binary.AppendUvarint(b, k.headSum)
		b = appendBool(b, k.moved)
		b = binary.AppendVarint(b, k.goneSince)
		before = path
	}
	return checkpoint.Position{Version: positionVersion, Data: b}
}

// decodeFollowed reads an encoded state. The zero position is the empty one.
func decodeFollowed(p checkpoint.Position) (*followed, error) {
	out := &followed{paths: map[string]followedPath{}}
	if p.IsZero() {
		return out, nil
	}
	d, err := newDecoder(p, kindPaths)
	if err != nil {
		return nil, err
	}
	before := ""
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		path := d.frontCoded(before)
		k := followedPath{identity: d.string(identityBytesMax)}
		head := d.length()
		k.headSum, k.moved, k.goneSince = d.uvarint(), d.bool(), d.varint()
		if path <= before || head > headBytesMax {
			d.fail("paths are out of order or a head is too long")
		}
		k.headBytes = int(head)
		if d.err == nil {
			out.paths[path] = k
		}
		before = path
	}
	return out, d.finish()
}
