package storelog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// claimAttemptsMax bounds the race for the next number against an owner that still decides. Each
// attempt costs one listing and one publication, about what an epoch costs the other, so a few
// lose and very many losses mean that something else is wrong.
const claimAttemptsMax = 100

// Claim implements checkpoint.CommitLog. The manifest it returns is the claim record: what the
// last record held, under this owner. It is ErrFenced when another owner claimed since a claim
// of this Log, ErrBusy when another process holds the lock, ErrOtherJob and ErrRefused when the
// store does not fit the job file.
func (l *Log) Claim(ctx context.Context) (checkpoint.Manifest, bool, error) {
	if l.fenced {
		return checkpoint.Manifest{}, false, fmt.Errorf("claiming job %q: %w",
			l.job, checkpoint.ErrFenced)
	}
	if err := l.store.Lock(ctx, l.opts.Takeover); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	l.last = 0 // nothing can be done under the old claim any more
	doing := fmt.Sprintf("claiming job %q", l.job)
	moved := &move{log: l}
	return l.succeed(ctx, doing, func(b *base, s *checkpoint.Succession) error {
		if err := l.introduce(ctx, doing, b); err != nil {
			return err
		}
		if err := moved.follow(ctx, doing, b); err != nil {
			return err
		}
		s.Last, s.Found, s.JobID = b.last, b.found, b.hint.JobID
		s.Kind, s.Log = checkpoint.KindClaim, Name
		return l.startElsewhere(ctx, s)
	}, l.settle)
}

// succeed publishes the record that prepare makes on top of the last one, and hands it to then. It
// begins again when somebody else takes the number.
func (l *Log) succeed(
	ctx context.Context, doing string,
	prepare func(*base, *checkpoint.Succession) error,
	then func(context.Context, checkpoint.Manifest) error,
) (checkpoint.Manifest, bool, error) {
	nonce := l.opts.Nonce()
	l.mine[nonce] = struct{}{}
	for range claimAttemptsMax {
		b, err := l.base(ctx, doing)
		if err != nil {
			return checkpoint.Manifest{}, false, err
		}
		s := l.succession(b, nonce)
		if err := prepare(&b, &s); err != nil {
			return checkpoint.Manifest{}, false, err
		}
		record := s.Record()
		won, err := l.publishClaim(ctx, doing, b, record)
		if err != nil {
			return checkpoint.Manifest{}, false, err
		}
		if won {
			return record, b.found, then(ctx, record)
		}
		// Somebody took the number: an owner that decided one more epoch, or another claim.
		// What it wrote must be carried on, so begin again.
	}
	return checkpoint.Manifest{}, false, fmt.Errorf("%s: %w: lost the race for the next record %d "+
		"times", doing, checkpoint.ErrOutcomeUnknown, claimAttemptsMax)
}

// base is what a claim builds on.
type base struct {
	last  checkpoint.Manifest // the last record
	found bool                // false for a job that never ran
	hint  checkpoint.Hint
	// marked is the highest number that an applied mark or the hint remembers. It exceeds that
	// of the last record only when records were lost, or while another log is in use.
	marked checkpoint.Epoch
}

// base reads what the claim builds on and checks that it may.
//
// The hint and the marks are read before the records. The other way round, (1) we read record 5,
// (2) a running owner decides up to 70 and renews the hint, (3) we read the hint and publish
// record 71 with what record 5 held: no name collides, and 65 epochs are done twice.
func (l *Log) base(ctx context.Context, doing string) (base, error) {
	hint, hinted, err := l.Hint(ctx)
	if err != nil {
		return base{}, fmt.Errorf("%s: %w; the file is a hint: when `wasmflow fsck` "+
			"finds the records right, remove it", doing, err)
	}
	listed, err := l.list(ctx)
	if err != nil {
		return base{}, fmt.Errorf("%s: %w", doing, err)
	}
	b := base{hint: hint, marked: max(hint.LastEpoch, listed.highestApplied())}
	for range rereadsMax {
		if b.last, b.found, err = l.Last(ctx); err != nil {
			return base{}, l.explainDamage(doing, err)
		}
		if b.last.Epoch >= b.marked || checkpoint.Previous(Name, b.last, b.found, hint) != "" {
			break
		}
		// Records are lost, or the last one went while it was listed because it has a successor.
	}
	if hinted {
		if err := l.checkHint(doing, b); err != nil {
			return base{}, err
		}
	}
	return b, l.checkLast(doing, b)
}

// introduce notes where a new job has its log, before its first record is published: of two
// processes that start it at once with different logs one takes the log of the other, and seals
// that. A first hint that was read may not be durable yet, so it is written again: that the name is
// taken says that it is.
func (l *Log) introduce(ctx context.Context, doing string, b *base) error {
	if b.found || b.hint.LastEpoch != 0 {
		return nil
	}
	standing, err := l.store.Introduce(ctx, checkpoint.Hint{
		JobID: cmp.Or(l.opts.JobID, l.opts.NewID()), JobName: l.job, Log: Name,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	// What another process has counted since the records were read is no reason to miss any.
	standing.LastEpoch, standing.Claim = 0, 0
	b.hint = standing
	return nil
}

// checkLast refuses to build on a last record that is not this job's, or not this owner's any
// more.
func (l *Log) checkLast(doing string, b base) error {
	_, own := l.mine[b.last.Owner.Nonce]
	switch {
	case !b.found && l.opts.Restore != 0:
		return fmt.Errorf("%s: %w: there is no epoch %d, the job never ran in %s",
			doing, checkpoint.ErrRefused, l.opts.Restore, l.dir)
	case !b.found:
		return nil
	case l.owned && !own:
		// S4: claiming over a newer owner would fence it, it would claim over this one, and so
		// on for ever.
		return l.fence(doing+" again", b.last.Owner)
	case l.opts.JobID != "" && b.last.JobID != l.opts.JobID:
		return fmt.Errorf("%s: %w", doing,
			&checkpoint.PinnedError{Place: l.dir, Pinned: l.opts.JobID, Stands: b.last.JobID})
	}
	return nil
}

// explainDamage adds what a person can do when the newest record cannot be read. Going on from an
// older one by itself would publish everything since a second time.
func (l *Log) explainDamage(doing string, err error) error {
	if errors.Is(err, checkpoint.ErrCorrupt) {
		return fmt.Errorf("%s: %w; look at it with `wasmflow fsck`, restore the file from a backup, "+
			"or move it away and start from an epoch before it with --epoch", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// checkHint compares the records with what the hint remembers of them.
func (l *Log) checkHint(doing string, b base) error {
	switch {
	case b.hint.JobName != l.job || b.found && b.hint.JobID != b.last.JobID:
		return fmt.Errorf("%s: %w: the records are of job id %q, the file %s/%s "+
			"says %q, named %q; restore the one that is wrong", doing, checkpoint.ErrOtherJob,
			b.last.JobID, l.dir, hintName, b.hint.JobID, b.hint.JobName)
	case checkpoint.Previous(Name, b.last, b.found, b.hint) != "":
		return nil // the job comes from a log with more records
	case b.hint.LastEpoch <= b.last.Epoch || l.opts.Fresh || l.opts.Restore != 0:
		return nil
	}
	return fmt.Errorf("%s: %w: %s ends at record %d, but record %d was there before; "+
		"put the records back, or say where to start with --epoch N or --fresh",
		doing, checkpoint.ErrRefused, l.dir, b.last.Epoch, b.hint.LastEpoch)
}

// succession says what claims and seals have in common.
func (l *Log) succession(b base, nonce string) checkpoint.Succession {
	return checkpoint.Succession{
		Last: b.last, Found: b.found, JobName: l.job,
		JobID:      b.hint.JobID,
		Owner:      checkpoint.Owner{Nonce: nonce, Host: l.opts.Host, PID: l.opts.PID},
		EpochAbove: b.marked, ClaimAbove: b.hint.Claim, CreatedMillis: l.opts.Now().UnixMilli(),
	}
}

// startElsewhere has the first claim begin where the options say.
func (l *Log) startElsewhere(ctx context.Context, s *checkpoint.Succession) error {
	if l.owned {
		return nil
	}
	s.Fresh = l.opts.Fresh
	if l.opts.Restore != 0 {
		restored, err := l.LoadEpoch(ctx, l.opts.Restore)
		if err != nil {
			return err
		}
		s.Restored = &restored
	}
	return nil
}

// publishClaim publishes the record of a claim or seal. It returns false when the number went to
// somebody else.
func (l *Log) publishClaim(
	ctx context.Context, doing string, b base, m checkpoint.Manifest,
) (bool, error) {
	data, err := checkpoint.EncodeManifest(m)
	if err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	if err := failpoint.Hit("storelog/claim-before-publish"); err != nil {
		return false, fmt.Errorf("%s: %w", doing, err)
	}
	// Not mine before it is published; set now because publish tells mine from others by it.
	l.owner = m.Owner
	standing, err := l.publish(ctx, m.Epoch, data)
	if err != nil {
		return false, fmt.Errorf("%s with record %d: %w", doing, m.Epoch, err)
	}
	if standing != l.owner {
		return false, nil
	}
	_ = failpoint.Hit("storelog/claim-after-publish")
	above, highest, err := l.checkHighest(ctx, m.Epoch, data)
	switch {
	case err != nil:
		return false, fmt.Errorf("%s: %w", doing, err)
	case highest:
		return true, nil
	case above == b.last.Owner:
		// No newer claim: the owner to take over from was so far ahead that its retention had
		// freed the number. The record is beside the chain; claim above the new last one.
		return false, nil
	}
	return false, l.fence(doing, above)
}

// settle takes possession after the claim record stands: from here on the owner may create,
// publish and delete (I1).
func (l *Log) settle(ctx context.Context, m checkpoint.Manifest) error {
	l.owned, l.jobID = true, m.JobID
	l.last, l.previous = m.Epoch, m.Previous
	l.claimed, l.kept, l.damaged = keptOf(m), nil, 0
	chain, err := l.Chain(ctx)
	var damage *DamagedError
	switch {
	case errors.As(err, &damage) && isUnreadable(err):
		l.damaged = damage.Number
		l.opts.Logger.Warn("reading the history of the checkpoint store", "job", l.job, "error", err)
	case err != nil:
		return fmt.Errorf("claiming job %q: reading its history: %w", l.job, err)
	}
	for _, decided := range slices.Backward(chain) {
		l.kept = append(l.kept, keptOf(decided))
	}
	if err := l.store.Remember(ctx, l.hint()); err != nil {
		return fmt.Errorf("claiming job %q: %w", l.job, err)
	}
	_ = failpoint.Hit("storelog/claimed")
	if err := errors.Join(l.retain(ctx), l.store.RemoveLeftovers(ctx, l.opts.Now())); err != nil {
		// What is left over costs space only; the next epoch tries again.
		l.opts.Logger.Warn("cleaning up the checkpoint store", "job", l.job, "error", err)
	}
	return nil
}
