package file

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// sinkCommitter brings files back to the length of the last decided epoch. Publishing is nothing:
// readers see what is written.
type sinkCommitter struct{ sink *Sink }

// lengths decodes those of cs that are this sink's.
func (c *sinkCommitter) lengths(cs []checkpoint.Committable) ([]fileLength, error) {
	var out []fileLength
	for _, x := range cs {
		if x.Sink != c.sink.env.Name {
			continue
		}
		l, err := decodeFileLength(x)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// Commit implements checkpoint.Committer: it only notes how far the files are decided.
func (c *sinkCommitter) Commit(_ context.Context, cs []checkpoint.Committable) error {
	decided, err := c.lengths(cs)
	if err != nil {
		return err
	}
	c.sink.mu.Lock()
	defer c.sink.mu.Unlock()
	for _, l := range decided {
		if out := c.sink.mu.outputs[l.target]; out != nil && out.live == l.live {
			out.committed = max(out.committed, l.length)
		}
	}
	return nil
}

// Abort implements checkpoint.Committer. What an undecided epoch wrote is behind the length that
// the next claim goes back to.
func (c *sinkCommitter) Abort(_ context.Context, cs []checkpoint.Committable) error {
	_, err := c.lengths(cs)
	return err
}

// Recover implements checkpoint.Committer.
//
// (1) An older owner sleeps with a file open, (2) we copy what is decided to a new file and give
// that the target's name, (3) the older one wakes and writes: to a file that nobody reads.
func (c *sinkCommitter) Recover(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) error {
	decided, err := c.lengths(committed)
	if err != nil {
		return err
	}
	named, err := c.lengths(keep.Named)
	if err != nil {
		return err
	}
	s := c.sink
	s.life.Lock()
	defer s.life.Unlock()
	for _, l := range decided {
		s.life.folder = s.life.folder || l.base == s.config.Path && l.target != s.root
	}
	for _, l := range decided {
		if err := s.rewind(ctx, l, keep); err != nil {
			return err
		}
	}
	if err := failpoint.Hit("file/after-rewind"); err != nil {
		return err
	}
	if err := s.withdraw(ctx, min(keep.Claim, s.life.owner.Number), named); err != nil {
		return err
	}
	return s.clear(ctx)
}

// rewind makes a file that holds what is decided, and shows it. s.life is held.
func (s *Sink) rewind(ctx context.Context, l fileLength, keep checkpoint.Retained) error {
	elsewhere := l.base != s.config.Path
	if !elsewhere && l.target == s.root && s.life.folder {
		return connectors.Permanent(fmt.Errorf("opening %s: %w: a file that one task wrote, and "+
			"with %d tasks it would be a folder; name another path or go on with one task",
			s.root, ErrTaken, s.env.Parallelism))
	}
	if l.epoch <= keep.Applied {
		if gone, err := s.wasRemoved(ctx, l); gone || err != nil {
			return err
		}
	}
	from, err := s.source(ctx, l)
	if excuse := l.excuse(keep); errors.Is(err, filesystem.ErrNotFound) && excuse != "" {
		s.env.Logger.Info("output is missing", "file", l.target, "epoch", uint64(l.epoch),
			"excuse", excuse)
		return nil
	}
	if err != nil {
		return err
	}
	out, err := s.create(ctx, l.root, l.task, l.target, from, l.length, true)
	if err != nil {
		return err
	}
	out.prepared, out.committed = l.length, l.length
	if elsewhere {
		// Nobody writes there any more: the file is what it will ever be.
		return s.drop(ctx, out)
	}
	s.mu.Lock()
	before := s.mu.outputs[l.target]
	s.mu.outputs[l.target] = out
	s.mu.Unlock()
	if before != nil { // of an earlier Recover of this claim
		return s.drop(ctx, before)
	}
	return nil
}

// drop ends a live file that is not written any more. What it holds stays under its target, if it
// still is that target's.
func (s *Sink) drop(ctx context.Context, out *output) error {
	return errors.Join(out.writer.Close(), s.fs.Remove(ctx, out.live))
}

// wasRemoved tells whether somebody removed a file that was committed. Its live name may be there
// all the same; showing it again would show its records twice. s.life is held.
func (s *Sink) wasRemoved(ctx context.Context, l fileLength) (bool, error) {
	_, err := s.fs.Stat(ctx, l.target)
	if !errors.Is(err, filesystem.ErrNotFound) {
		return false, err
	}
	s.env.Logger.Info("output that was committed is gone", "file", l.target,
		"epoch", uint64(l.epoch))
	return true, s.fs.Remove(ctx, l.live)
}

// source returns a file that begins with what is decided: the live one or, after its owner ended
// in order and removed that name, the target. s.life is held.
func (s *Sink) source(ctx context.Context, l fileLength) (string, error) {
	missing := filesystem.ErrNotFound
	for _, p := range []string{l.live, l.target} {
		info, err := s.fs.Stat(ctx, p)
		switch {
		case errors.Is(err, filesystem.ErrNotFound):
		case err != nil:
			return "", err
		case !info.Dir && info.Size >= l.length:
			return p, nil
		default:
			missing = nil // there is a file, and it is too short
		}
	}
	return "", &lostError{fileLength: l, missing: missing}
}

// lostError says that decided output is gone, or cut.
type lostError struct {
	fileLength
	missing error // filesystem.ErrNotFound, or nil for a file that is too short
}

func (e *lostError) Error() string {
	what := "the file is shorter; put it back as it was, or remove it"
	if e.missing != nil {
		what = "the file is gone; put it back"
	}
	return fmt.Sprintf("recovering %s to %d bytes of epoch %d: %v: %s, or bear the loss with "+
		"`wasmflow fsck --accept-missing %s JOB.toml`", e.target, e.length, e.epoch, checkpoint.ErrLost,
		what, e.target)
}

func (e *lostError) Unwrap() []error {
	if e.missing == nil {
		return []error{checkpoint.ErrLost}
	}
	return []error{checkpoint.ErrLost, e.missing}
}

// excuse says why a file may be missing; "" is that it may not.
func (l fileLength) excuse(keep checkpoint.Retained) string {
	switch {
	case l.epoch <= keep.Applied:
		return "it was committed, and somebody removed it"
	case slices.Contains(keep.Accepted, l.target):
		return "a person accepted its loss"
	}
	return ""
}

// withdraw removes live files of lower claims that no retained manifest needs, and the output of
// epochs that were never decided. s.life is held.
func (s *Sink) withdraw(ctx context.Context, claim uint64, named []fileLength) error {
	needed := map[string]int64{}
	for _, l := range named {
		needed[l.live] = max(needed[l.live], l.length)
	}
	for info, err := range s.fs.List(ctx, s.staging(s.root), false) {
		if errors.Is(err, filesystem.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("looking for files of earlier runs: %w", err)
		}
		base, passing := strings.CutSuffix(path.Base(info.Path), filesystem.ShowSuffix)
		name, ok := parseLiveName(base)
		if !ok || name.sink != s.env.Name || name.claim >= claim {
			continue
		}
		s.life.own[info.Identity] = true
		length, isNamed := needed[info.Path]
		if !passing { // otherwise the live name beside it speaks for the file
			keep, err := s.withdrawFile(ctx, name.task, info.Identity, length, isNamed)
			if err != nil {
				return err
			}
			if keep {
				continue
			}
		}
		if err := s.fs.Remove(ctx, info.Path); err != nil {
			return err
		}
	}
	return nil
}

// withdrawFile decides about one live file of a lower claim, and withdraws the output it stands
// for if no epoch was ever decided for it. s.life is held.
func (s *Sink) withdrawFile(
	ctx context.Context, task int, identity string, needed int64, isNamed bool,
) (keep bool, err error) {
	if out := s.outputOf(task); out != nil {
		// A retained epoch, to which a person may still go back, may be longer.
		return needed > out.prepared, nil
	}
	if isNamed {
		return true, nil
	}
	return false, s.withdrawTarget(ctx, task, identity)
}

// outputOf returns the rewound file of a task, or nil.
func (s *Sink) outputOf(task int) *output {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, out := range s.mu.outputs {
		if out.task == task {
			return out
		}
	}
	return nil
}

// withdrawTarget removes output that no epoch ever decided, if it is still ours. It is gone for
// good before the live name goes, which alone tells that it was ours. s.life is held.
func (s *Sink) withdrawTarget(ctx context.Context, task int, identity string) error {
	for _, target := range []string{s.root, path.Join(s.root, strconv.Itoa(task+1))} {
		info, err := s.fs.Stat(ctx, target)
		if err == nil && !info.Dir && info.Identity == identity {
			if err := s.live.Hide(ctx, target); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear makes room for a first start: a file where a folder is to be, and numbered files of a run
// with more tasks, are replaced or refused as write_mode says. s.life is held.
func (s *Sink) clear(ctx context.Context) error {
	if s.recovered() {
		return nil
	}
	info, err := s.fs.Stat(ctx, s.root)
	switch {
	case errors.Is(err, filesystem.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("looking at path: %w", err)
	case info.Dir && !s.life.folder:
		return connectors.Permanent(fmt.Errorf("opening %s: %w: a folder, and with one task it is "+
			"a file; name another path", s.root, ErrTaken))
	case !info.Dir && !s.life.folder:
		return nil // OpenWriter decides
	case !info.Dir && s.config.WriteMode == noOverwrite:
		return s.taken(s.root)
	case !info.Dir:
		return s.fs.Remove(ctx, s.root)
	}
	return s.clearNumbered(ctx)
}

// recovered tells whether there is output of an earlier claim.
func (s *Sink) recovered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.outputs) > 0
}

// clearNumbered looks at the files of a folder. s.life is held.
func (s *Sink) clearNumbered(ctx context.Context) error {
	for info, err := range s.fs.List(ctx, s.root, false) {
		if err != nil {
			return fmt.Errorf("looking at path: %w", err)
		}
		if info.Dir || !isNumbered(path.Base(info.Path)) || s.life.own[info.Identity] {
			continue
		}
		if s.config.WriteMode == noOverwrite {
			return s.taken(info.Path)
		}
		if err := s.fs.Remove(ctx, info.Path); err != nil {
			return err
		}
	}
	return nil
}

// isNumbered tells whether a name is one that a task's file has.
func isNumbered(name string) bool {
	return name != "" && name[0] != '0' && strings.Trim(name, "0123456789") == ""
}

// Close implements checkpoint.Committer.
func (c *sinkCommitter) Close() error { return nil }

var _ checkpoint.Committer = (*sinkCommitter)(nil)
