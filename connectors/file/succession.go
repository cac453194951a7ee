package file

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// comingMax bounds the files that a follower remembers to have seen: more rotations than go by
// while one file is drained.
const comingMax = 64

// successors returns the files that come after last: rotated ones that are newer or were seen to
// come, oldest first, then what stands under the path now. The numbers in rotated names say
// nothing: some tools give the newest file the lowest one, some the highest.
func (f *follower) successors(
	ctx context.Context, last tailPosition,
) ([]filesystem.Info, error) {
	rotated, err := f.source.rotated(ctx, last.path)
	if err != nil {
		return nil, err
	}
	if rotated, err = f.withRenamed(ctx, rotated); err != nil {
		return nil, err
	}
	var out []filesystem.Info
	for _, info := range rotated {
		after, err := f.isAfter(ctx, info, last)
		if err != nil {
			return nil, err
		}
		if after {
			out = append(out, info)
		}
	}
	live, there, err := f.live(ctx)
	if there {
		out = append(out, live)
	}
	return out, err
}

// isAfter reports whether a rotated file is one that comes after last: not last itself, nor one
// that was read before, nor a copy of them.
func (f *follower) isAfter(
	ctx context.Context, info filesystem.Info, last tailPosition,
) (bool, error) {
	at := info.ModTime.UnixNano()
	if at < last.modTime && f.comingIndex(info.Identity) < 0 {
		return false, nil
	}
	own := info.Identity == last.identity && info.Identity != ""
	if own && (f.in != nil || at == last.modTime) {
		return false, nil // an open file keeps its inode
	}
	if at == last.modTime && info.Size == 0 {
		return false, nil // else two empty files of the same time would follow each other for ever
	}
	read := []tailPosition{last}
	for _, r := range last.earlier {
		read = append(read, r.asPosition())
	}
	for _, pos := range read {
		if pos.proofBytes == 0 {
			continue
		}
		if same, err := f.source.proves(ctx, info, pos); same || err != nil {
			return false, err
		}
	}
	return true, nil
}

// withRenamed adds the files that were seen to come and have a name by now that shows no rotation.
func (f *follower) withRenamed(
	ctx context.Context, rotated []filesystem.Info,
) ([]filesystem.Info, error) {
	for _, c := range f.coming {
		info, found, err := f.source.byIdentity(ctx, c.path, c.identity)
		if err != nil {
			return nil, err
		}
		listed := func(r filesystem.Info) bool { return r.Identity == c.identity }
		if !found || info.Path == c.path || slices.ContainsFunc(rotated, listed) {
			continue
		}
		same, err := f.source.proves(ctx, info, c)
		if err != nil {
			return nil, err
		}
		if same {
			rotated = append(rotated, info)
		}
	}
	sortByAge(rotated)
	return rotated, nil
}

// comingIndex returns where a file is in coming, or -1.
func (f *follower) comingIndex(identity string) int {
	return slices.IndexFunc(f.coming, func(c tailPosition) bool {
		return identity != "" && c.identity == identity
	})
}

// expect notes files that are to be read later, so that it is known when one of them is gone by
// then. An empty file is none to miss.
func (f *follower) expect(ctx context.Context, files []filesystem.Info) error {
	for _, info := range files {
		if len(f.coming) >= comingMax {
			return nil
		}
		own := info.Identity == f.tail.identity // moved away and back
		if info.Size == 0 || info.Identity == "" || own || f.comingIndex(info.Identity) >= 0 {
			continue
		}
		head, err := f.source.head(ctx, info.Path, proofBytesMax)
		if errors.Is(err, ErrVanished) {
			return errRotating
		}
		if err != nil {
			return f.source.settling(info, err)
		}
		if err := f.source.unmoved(ctx, info); err != nil {
			return err
		}
		pos := tailPosition{
			path: f.tail.path, identity: info.Identity, modTime: info.ModTime.UnixNano(),
		}
		pos.proveBy(head)
		f.coming = append(f.coming, pos)
	}
	return nil
}

// succeed opens the next generation: the oldest rotated file that is newer than the last one,
// when several rotations went by unseen, otherwise what stands under the path now.
func (f *follower) succeed(ctx context.Context, now time.Time) (bool, error) {
	last := f.position()
	files, err := f.successors(ctx, last)
	if err != nil || len(files) == 0 {
		return false, err
	}
	next := files[0]
	if next.Path == last.path && last.proofBytes > 0 {
		// The very file came back: go on in it, since it was not read to another end.
		if opened, err := f.open(ctx, next, last, now); opened || err != nil {
			return opened, err
		}
	}
	lost, rest, err := f.missing(ctx, files)
	if err != nil {
		return false, err
	}
	if len(lost) > 0 && !f.missed {
		f.missed = true // a listing may pass over a file that is renamed: look twice
		return false, nil
	}
	if opened, err := f.open(ctx, next, generationAfter(last, next), now); !opened || err != nil {
		return opened, err
	}
	f.coming, f.missed = rest, false
	return true, f.giveUp(lost)
}

// missing looks which of the files that were seen to come are not among files any more, and which
// of them come after the first of these.
func (f *follower) missing(
	ctx context.Context, files []filesystem.Info,
) (lost, rest []tailPosition, err error) {
	for _, c := range f.coming {
		i, err := f.indexOf(ctx, files, c)
		switch {
		case err != nil:
			return nil, nil, err
		case i < 0:
			lost = append(lost, c)
		case i > 0:
			rest = append(rest, c)
		}
	}
	return lost, rest, nil
}

// indexOf returns where a file that was seen is among files, or -1. It is known by its first
// bytes; its identity is only a hint, since it may have been copied or compressed.
func (f *follower) indexOf(
	ctx context.Context, files []filesystem.Info, seen tailPosition,
) (int, error) {
	alike := -1
	for i, info := range files {
		if alike >= 0 && info.Identity != seen.identity {
			continue
		}
		same, err := f.source.proves(ctx, info, seen)
		if err != nil {
			return -1, err
		}
		if same {
			alike = i
		}
	}
	return alike, nil
}

// giveUp deals with files that were seen and are gone before they were read.
func (f *follower) giveUp(lost []tailPosition) error {
	for _, c := range lost {
		gone := fault(c.path, 0, fmt.Errorf("%w: it was seen to come after generation %d, "+
			"and was removed before it was read; lower rotate_wait, or keep rotated files longer",
			ErrVanished, f.generation))
		if err := f.lose(gone); err != nil {
			return err
		}
	}
	return nil
}

// lose fails with gone or, as vanished says, goes on with a warning.
func (f *follower) lose(gone error) error {
	if f.source.cfg.Vanished == vanishedFail {
		return gone
	}
	f.source.metrics.skipped.Inc()
	f.source.env.Logger.Warn("the rest of a followed file is lost",
		"source", f.source.env.Name, "reason", gone)
	return nil
}
