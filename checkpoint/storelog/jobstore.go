package storelog

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Locker keeps a second process off the job as a courtesy. Correctness never rests on it: a
// store without locks has none.
type Locker interface {
	// Lock takes the lock or returns an error that wraps checkpoint.ErrBusy and names the
	// holder. With takeover it always takes it.
	Lock(ctx context.Context, takeover bool) error
	// Unlock gives the lock back. Unlocking what is not locked does nothing.
	Unlock() error
}

// JobStore is what every commit log of a job keeps in the job's folder, wherever its records are:
// the lock, the hint, applied marks, module bytes, accepted losses. It is used by one goroutine at
// a time.
type JobStore struct {
	View
	lock   Locker
	locked bool
	claim  uint64              // of the modules in stored
	stored map[string]struct{} // modules stored under claim
	hinted checkpoint.Epoch    // last epoch in the hint
}

// NewJobStore returns the folder of job in the store at root of fs. lock may be nil. Nothing is
// touched yet.
func NewJobStore(fs filesystem.FileSystem, root, job string, lock Locker) (*JobStore, error) {
	view, err := NewView(fs, root, job)
	if err != nil {
		return nil, err
	}
	if !fs.Abilities().ExclusivePublish {
		return nil, fmt.Errorf("store %s: a %s file system cannot publish a name exclusively, so it "+
			"cannot keep two owners apart: %w; choose another store",
			root, fs.Scheme(), checkpoint.ErrRefused)
	}
	return &JobStore{View: *view, lock: lock}, nil
}

// Lock takes the lock if there is one and it is not taken yet.
func (s *JobStore) Lock(ctx context.Context, takeover bool) error {
	if s.lock == nil || s.locked {
		return nil
	}
	if err := s.lock.Lock(ctx, takeover); err != nil {
		return fmt.Errorf("claiming job %q: %w", s.job, err)
	}
	s.locked = true
	return nil
}

// Unlock gives the lock back. Unlocking what is not locked does nothing.
func (s *JobStore) Unlock() error {
	if s.lock == nil || !s.locked {
		return nil
	}
	s.locked = false
	return s.lock.Unlock()
}

// Hint returns what the folder remembers of the job: the file of that name, or what the records of
// the store's own log say when the file is lost.
func (s *JobStore) Hint(ctx context.Context) (checkpoint.Hint, bool, error) {
	h, found, err := s.View.Hint(ctx)
	if err != nil || found {
		return h, found, err
	}
	last, found, err := s.Last(ctx)
	if err != nil || !found {
		return checkpoint.Hint{}, false, err
	}
	h = checkpoint.Hint{
		JobID: last.JobID, JobName: s.job, Log: Name, LastEpoch: last.Epoch, Claim: last.Owner.Number,
	}
	if last.Kind == checkpoint.KindSeal {
		h.Log = last.Log
	}
	return h, true, nil
}

// Introduce writes the first hint of a job and returns the hint that stands afterwards: of two
// processes that start a new job at once, both get the same.
func (s *JobStore) Introduce(ctx context.Context, h checkpoint.Hint) (checkpoint.Hint, error) {
	data, err := encodeSmall(hintKind, hintVersion, h)
	if err != nil {
		return h, fmt.Errorf("encoding %s: %w", s.hintPath(), err)
	}
	err = s.fs.PublishExclusive(ctx, s.hintPath(), data)
	if err == nil {
		return h, nil
	}
	standing, found, readErr := s.Hint(ctx)
	if readErr != nil || !found {
		return h, fmt.Errorf("writing %s: %w", s.hintPath(), errors.Join(err, readErr))
	}
	return standing, nil
}

// Remember replaces the hint.
func (s *JobStore) Remember(ctx context.Context, h checkpoint.Hint) error {
	if err := writeSmall(ctx, s.fs, s.hintPath(), hintKind, hintVersion, h); err != nil {
		return fmt.Errorf("writing %s: %w", s.hintPath(), err)
	}
	s.hinted = h.LastEpoch
	return nil
}

// hintLagMax is how many epochs the hint may lag behind: it serves to notice lost records, which
// come in greater numbers than that or make the chain end visibly.
const hintLagMax = 64

// Renew replaces the hint when the one that Remember wrote lags behind.
func (s *JobStore) Renew(ctx context.Context, h checkpoint.Hint) error {
	if h.LastEpoch < s.hinted+hintLagMax {
		return nil
	}
	return s.Remember(ctx, h)
}

// MarkApplied writes the mark that epoch e is committed completely.
func (s *JobStore) MarkApplied(ctx context.Context, e checkpoint.Epoch, claim uint64) error {
	mark := applied{Epoch: e, Claim: claim}
	if err := writeSmall(ctx, s.fs, s.appliedPath(e), appliedKind, appliedVersion, mark); err != nil {
		return fmt.Errorf("marking epoch %d: %w", e, err)
	}
	return nil
}

// HighestApplied returns the highest epoch that has a mark; 0 is none.
func (s *JobStore) HighestApplied(ctx context.Context) (checkpoint.Epoch, error) {
	l, err := s.list(ctx)
	return l.highestApplied(), err
}

// IsApplied tells whether epoch e has a mark.
func (s *JobStore) IsApplied(ctx context.Context, e checkpoint.Epoch) (bool, error) {
	l, err := s.list(ctx)
	return slices.Contains(l.applied, e), err
}

// RemoveMarks removes the marks of epochs below e, but for those that keeps accepts.
func (s *JobStore) RemoveMarks(
	ctx context.Context, e checkpoint.Epoch, keeps func(checkpoint.Epoch) bool,
) error {
	listed, err := s.list(ctx)
	if err != nil {
		return err
	}
	return s.removeMarks(ctx, listed, e, keeps)
}

func (s *JobStore) removeMarks(
	ctx context.Context, listed listing, e checkpoint.Epoch, keeps func(checkpoint.Epoch) bool,
) error {
	var doomed []string
	for _, n := range listed.applied {
		if n < e && !keeps(n) {
			doomed = append(doomed, s.appliedPath(n))
		}
	}
	return s.remove(ctx, doomed)
}

// remove removes files in the given order.
func (s *JobStore) remove(ctx context.Context, doomed []string) error {
	for _, p := range doomed {
		if err := failpoint.Hit("storelog/retain-before-remove"); err != nil {
			return fmt.Errorf("removing %s: %w", p, err)
		}
		if err := s.fs.Remove(ctx, p); err != nil {
			return fmt.Errorf("removing %s: %w", p, err)
		}
	}
	return nil
}

// StoreModule keeps the bytes of a module under a claim number and returns their digest, for
// Module.SHA256. It must have returned before an epoch that names the module is decided, anew
// after each claim (S6).
func (s *JobStore) StoreModule(ctx context.Context, claim uint64, module []byte) (string, error) {
	sha := hexSHA256(module)
	if len(module) > ModuleBytesMax {
		return "", fmt.Errorf("storing module %s: %d bytes are more than %d",
			sha, len(module), ModuleBytesMax)
	}
	if s.HasModule(claim, sha) {
		return sha, nil
	}
	if err := failpoint.Hit("storelog/store-module"); err != nil {
		return "", fmt.Errorf("storing module %s: %w", sha, err)
	}
	p := path.Join(s.dir, modulesName, moduleName(sha, claim))
	if err := s.fs.WriteFile(ctx, p, module); err != nil {
		return "", fmt.Errorf("storing module %s: %w", sha, err)
	}
	if s.claim != claim || s.stored == nil {
		s.claim, s.stored = claim, map[string]struct{}{}
	}
	s.stored[sha] = struct{}{}
	return sha, nil
}

// HasModule tells whether StoreModule stored a module under that claim.
func (s *JobStore) HasModule(claim uint64, sha string) bool {
	_, ok := s.stored[sha]
	return ok && s.claim == claim
}

// RetainModules removes module bytes of this and lower claims (S6): those that named does not
// hold and this claim did not store, and older copies of what this claim stored itself.
func (s *JobStore) RetainModules(
	ctx context.Context, claim uint64, named map[string]struct{},
) error {
	modules, err := s.modules(ctx)
	if err != nil {
		return err
	}
	for _, m := range modules {
		stored := s.HasModule(claim, m.sha)
		_, named := named[m.sha]
		spare := !stored && !named || stored && m.claim < claim
		if m.claim > claim || !spare {
			continue
		}
		if err := s.fs.Remove(ctx, m.path); err != nil {
			return fmt.Errorf("removing %s: %w", m.path, err)
		}
	}
	return nil
}

// leftoverAge is how old a temporary file must be before a claim removes it: any process that still
// meant to give it its name has done so, died, or been fenced long ago. Removing one too early
// costs its writer an error and nothing else.
const leftoverAge = time.Hour

// RemoveLeftovers removes what crashed processes left half-written: files that begin with a dot
// and end in ".tmp", which no reader looks at.
func (s *JobStore) RemoveLeftovers(ctx context.Context, now time.Time) error {
	for info, err := range s.fs.List(ctx, s.dir, true) {
		if err != nil {
			return err
		}
		if info.Dir || !isLeftover(path.Base(info.Path)) || now.Sub(info.ModTime) < leftoverAge {
			continue
		}
		if err := s.fs.Remove(ctx, info.Path); err != nil {
			return fmt.Errorf("removing %s: %w", info.Path, err)
		}
	}
	return nil
}
