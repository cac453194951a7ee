package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// rotatedSuffix is what tools that rotate logs append to a name: a number, a date, "old" or
// "bak", and the extension of a compressor. Names that only look similar are files of their own.
const rotatedSuffix = `\A[._-](\d[\dT:._-]*|old|bak)(\.(gz|gzip|bz2|xz|zst|deflate))?\z`

// rotatedName tells rotated files by their names. It is made once for a source.
type rotatedName struct{ suffix *regexp.Regexp }

func newRotatedName() rotatedName { return rotatedName{regexp.MustCompile(rotatedSuffix)} }

// of reports whether name is base with a suffix of rotation.
func (r rotatedName) of(name, base string) bool {
	rest, ok := strings.CutPrefix(name, base)
	return ok && r.suffix.MatchString(rest)
}

// base returns the first path that is p without a suffix of rotation and for which live is true.
func (r rotatedName) base(p string, live func(string) bool) (string, bool) {
	from := strings.LastIndexByte(p, '/') + 2 // a name has at least one byte before a suffix
	for i := from; i < len(p); i++ {
		if strings.IndexByte("._-", p[i]) >= 0 && r.suffix.MatchString(p[i:]) && live(p[:i]) {
			return p[:i], true
		}
	}
	return "", false
}

// rotated returns the rotated files of a followed path, oldest first. A compressed one counts only
// when what it was made from is gone: until then it may be half written, with a new time.
func (s *Source) rotated(ctx context.Context, live string) ([]filesystem.Info, error) {
	var out []filesystem.Info
	for info, err := range s.fs.List(ctx, path.Dir(live), false) {
		switch {
		case errors.Is(err, filesystem.ErrNotFound):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("looking for rotated files of %s: %w", live, err)
		case !info.Dir && s.rotation.of(info.Path, live):
			out = append(out, info)
		}
	}
	plain := map[string]bool{}
	for _, info := range out {
		plain[info.Path] = codecOf(info.Path) == ""
	}
	out = slices.DeleteFunc(out, func(info filesystem.Info) bool {
		return plain[strings.TrimSuffix(info.Path, path.Ext(info.Path))] && !plain[info.Path]
	})
	sortByAge(out)
	return out, nil
}

// sortByAge puts the oldest file first.
func sortByAge(files []filesystem.Info) {
	slices.SortFunc(files, func(a, b filesystem.Info) int {
		return cmp.Or(a.ModTime.Compare(b.ModTime), cmp.Compare(a.Path, b.Path))
	})
}

// byIdentity looks for a file in the folder of p.
func (s *Source) byIdentity(
	ctx context.Context, p, identity string,
) (found filesystem.Info, ok bool, err error) {
	if identity == "" {
		return found, false, nil
	}
	for info, err := range s.fs.List(ctx, path.Dir(p), false) {
		switch {
		case errors.Is(err, filesystem.ErrNotFound):
			return found, false, nil
		case err != nil:
			return found, false, fmt.Errorf("looking for the file of %s: %w", p, err)
		case !info.Dir && info.Identity == identity:
			return info, true, nil
		}
	}
	return found, false, nil
}

// errRotating says that a path led to another file a moment ago. Nothing follows from such a look.
var errRotating = errors.New("files are being renamed")

// openProven opens a file at pos.offset if it holds the bytes of the proof; without a proof any
// file will do. Otherwise it returns nil. It returns the bytes that it read: those before the
// offset, or the first ones of the file when nothing was read of it before.
func (s *Source) openProven(
	ctx context.Context, info filesystem.Info, pos tailPosition,
) (in io.ReadCloser, proof []byte, err error) {
	in, err = s.openAt(ctx, info.Path, pos.proofAt())
	switch {
	case errors.Is(err, ErrVanished):
		return nil, nil, errRotating
	case errors.Is(err, ErrShrunk):
		return nil, nil, s.unmoved(ctx, info)
	case err != nil:
		return nil, nil, s.settling(info, err)
	}
	proof = make([]byte, proofBytesMax)
	if pos.offset > 0 {
		proof = proof[:pos.proofBytes]
	}
	n, err := io.ReadFull(in, proof)
	proof = proof[:n]
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	if err == nil {
		err = s.unmoved(ctx, info)
	}
	if err == nil && n >= pos.proofBytes &&
		(pos.proofBytes == 0 || sumOf(proof[:pos.proofBytes]) == pos.proofSum) {
		return in, proof, nil
	}
	if err = errors.Join(err, in.Close()); err != nil {
		return nil, nil, s.settling(info, readError(info.Path, pos.proofAt(), err))
	}
	return nil, nil, nil
}

// compressingWait is how long after the last write to it a damaged file may still be one that a
// compressor is making: none pauses for so long.
const compressingWait = time.Minute

// settling turns the error of a file that is being compressed into errRotating.
func (s *Source) settling(info filesystem.Info, err error) error {
	if errors.Is(err, ErrDamaged) && s.env.Now().Sub(info.ModTime) < compressingWait {
		return errRotating
	}
	return err
}

// unmoved checks that a path still leads to the file of info: (1) info is taken, (2) the path is
// rotated, (3) an open meets the new file, which must not be taken for the old one.
func (s *Source) unmoved(ctx context.Context, info filesystem.Info) error {
	again, err := s.fs.Stat(ctx, info.Path)
	if errors.Is(err, filesystem.ErrNotFound) || err == nil && again.Identity != info.Identity {
		return errRotating
	}
	if err != nil {
		return fmt.Errorf("looking at %s: %w", info.Path, err)
	}
	if codecOf(info.Path) != "" && !again.ModTime.Equal(info.ModTime) {
		return errRotating // a compressor is at it, or just gave it the time of the original
	}
	return nil
}

// proves reports whether info is the file of pos.
func (s *Source) proves(ctx context.Context, info filesystem.Info, pos tailPosition) (bool, error) {
	in, _, err := s.openProven(ctx, info, pos)
	if in == nil || err != nil {
		return false, err
	}
	return true, in.Close()
}

// locate finds the file of a restored position: under its path, by its identity under another
// name, or by its content alone, when it was copied or compressed or the device got another number.
func (f *follower) locate(ctx context.Context, now time.Time) (bool, error) {
	if f.tail.proofBytes == 0 {
		f.tail.ended = true // it was empty: what came after is what counts
		return f.succeed(ctx, now)
	}
	candidates, err := f.source.rotated(ctx, f.tail.path)
	if err != nil {
		return false, err
	}
	moved, found, err := f.source.byIdentity(ctx, f.tail.path, f.tail.identity)
	if err != nil {
		return false, err
	}
	if found {
		candidates = slices.Insert(candidates, 0, moved)
	}
	live, there, err := f.live(ctx)
	if err != nil {
		return false, err
	}
	if there {
		candidates = append(candidates, live)
	}
	for _, info := range candidates {
		if opened, err := f.open(ctx, info, f.tail, now); opened || err != nil {
			return opened, err
		}
	}
	gone := fault(f.tail.path, f.tail.offset, fmt.Errorf("%w, also under a rotated name", ErrVanished))
	if err := f.lose(gone); err != nil {
		return false, err
	}
	f.tail.ended = true
	return f.succeed(ctx, now)
}

// live describes the file under the followed path.
func (f *follower) live(ctx context.Context) (info filesystem.Info, there bool, err error) {
	info, err = f.source.fs.Stat(ctx, f.tail.path)
	if errors.Is(err, filesystem.ErrNotFound) {
		return info, false, nil
	}
	if err != nil {
		return info, false, fmt.Errorf("looking at %s: %w", f.tail.path, err)
	}
	return info, !info.Dir, nil
}

// generationAfter returns the beginning of the generation in info. One of which nothing was read
// leaves its number to the next, so that numbers do not depend on when anyone looked.
func generationAfter(last tailPosition, info filesystem.Info) tailPosition {
	next := tailPosition{
		path: last.path, generation: last.generation, identity: info.Identity,
		modTime: info.ModTime.UnixNano(), earlier: last.earlierThan(info.ModTime.UnixNano()),
	}
	if last.offset > 0 {
		next.generation++
	}
	return next
}
