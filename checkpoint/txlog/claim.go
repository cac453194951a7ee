package txlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// claimAttemptsMax bounds how often a claim begins again because a session that fenced it did not
// claim: each means that another process died at the same place, within seconds.
const claimAttemptsMax = 3

// Claim implements checkpoint.CommitLog. The manifest it returns is the claim record: what the
// last record held, under this owner. It is ErrFenced when another owner claimed since a claim of
// this Log was tried, ErrBusy when another process holds the lock, ErrOtherJob and ErrRefused when
// log, store and job file do not fit each other.
func (l *Log) Claim(ctx context.Context) (checkpoint.Manifest, bool, error) {
	if l.fenced {
		return checkpoint.Manifest{}, false, fmt.Errorf("claiming job %q: %w",
			l.job, checkpoint.ErrFenced)
	}
	if err := l.store.Lock(ctx, l.opts.Takeover); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	var last error
	for range claimAttemptsMax {
		m, found, err := l.claim(ctx)
		if err == nil || !errors.Is(err, errInterrupted) {
			return m, found, err
		}
		last = err
	}
	return checkpoint.Manifest{}, false, fmt.Errorf("%w (%d times)", last, claimAttemptsMax)
}

// claim is one attempt.
func (l *Log) claim(ctx context.Context) (checkpoint.Manifest, bool, error) {
	doing := fmt.Sprintf("claiming job %q", l.job)
	// Looked at before anybody is fenced (T7): a copy of a job file on another machine must not
	// stop the job that runs.
	b, err := l.look(ctx, doing)
	if err != nil {
		return checkpoint.Manifest{}, false, err
	}
	if err := l.introduce(ctx, doing, &b); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	seal, moving, err := l.sealPrevious(ctx, doing, b)
	if err != nil {
		return checkpoint.Manifest{}, false, err
	}
	if b, err = l.fenceAndRead(ctx, doing, b); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	if !moving && l.previousLog(b) != "" {
		return checkpoint.Manifest{}, false, fmt.Errorf("%s: %w: log %s was closed meanwhile",
			doing, errInterrupted, l.opts.Name)
	}
	if moving {
		if b.last, err = checkpoint.Imported(b.last, b.found, seal); err != nil {
			return checkpoint.Manifest{}, false, fmt.Errorf("%s: %w", doing, err)
		}
		b.found = true
	}
	if err := l.checkLength(doing, b); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	record, err := l.record(ctx, b)
	if err != nil {
		return checkpoint.Manifest{}, false, fmt.Errorf("%s: %w", doing, err)
	}
	if err := l.publish(ctx, doing, record); err != nil {
		return checkpoint.Manifest{}, false, err
	}
	return record, b.found, l.possess(ctx, record, b.history)
}

// record makes the claim record on top of b.
func (l *Log) record(ctx context.Context, b base) (checkpoint.Manifest, error) {
	s := l.succession(b)
	s.Kind, s.Log = checkpoint.KindClaim, l.opts.Name
	if l.owned { // only the first claim starts elsewhere
		return s.Record(), nil
	}
	s.Fresh = l.opts.Fresh
	if l.opts.Restore != 0 {
		restored, err := l.LoadEpoch(ctx, l.opts.Restore)
		if err != nil {
			return checkpoint.Manifest{}, err
		}
		s.Restored = &restored
	}
	return s.Record(), nil
}

// base is what a claim builds on.
type base struct {
	last  checkpoint.Manifest // the newest record
	found bool                // there is one
	// history is the newest records, newest first, since the fence.
	history []checkpoint.Manifest
	hint    checkpoint.Hint
	hinted  bool // the store knows the job
	// marked is the highest number that a mark or the hint remembers. It exceeds that of the last
	// record only when records were lost, or while another log is in use.
	marked checkpoint.Epoch
}

// look reads what the claim builds on, changing nothing, and checks that it may. The hint and the
// marks are read before the records: a running owner moves all of them on, and what they remember
// must not be more than what is read after them.
func (l *Log) look(ctx context.Context, doing string) (base, error) {
	var b base
	var err error
	if b.hint, b.hinted, err = l.store.Hint(ctx); err != nil {
		return base{}, fmt.Errorf("%s: %w; the file is a hint: restore it, or move the folder away "+
			"and start with --adopt", doing, err)
	}
	marked, err := l.store.HighestApplied(ctx)
	if err != nil {
		return base{}, fmt.Errorf("%s: %w", doing, err)
	}
	b.marked = max(marked, b.hint.LastEpoch)
	if b.last, b.found, err = l.lastOf(ctx, b); err != nil {
		return base{}, l.explainDamage(doing, err)
	}
	if !b.hinted && b.found {
		// Another process may have begun the job meanwhile: the hint comes before the first record.
		if b.hint, b.hinted, err = l.store.Hint(ctx); err != nil {
			return base{}, fmt.Errorf("%s: %w", doing, err)
		}
	}
	return b, l.checkLast(doing, b)
}

// introduce leaves the first hint of a new job, or takes over the one that stands. Two processes
// that start the job at once get the same id and the same log, and one that dies before its claim
// record stands does not leave a log behind that looks like another job's. A first hint that was
// read may not be durable yet, so it is written again: that the name is taken says that it is.
func (l *Log) introduce(ctx context.Context, doing string, b *base) error {
	if b.found || b.hint.LastEpoch != 0 {
		return nil
	}
	standing, err := l.store.Introduce(ctx, checkpoint.Hint{
		JobID: cmp.Or(l.opts.JobID, l.opts.NewID()), JobName: l.job, Log: l.opts.Name,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	b.hint, b.hinted = standing, true
	return nil
}

// lastOf reads the newest record, again and again while the log is shorter than the store
// remembers: a record shows only some time after its commit was acknowledged, and its owner may
// have told the store about it at once. It gives up after newerWait, since what shows by then is
// all there is.
func (l *Log) lastOf(ctx context.Context, b base) (checkpoint.Manifest, bool, error) {
	deadline := l.opts.Now().Add(newerWait)
	for {
		last, found, err := l.Last(ctx)
		short := last.Epoch < b.marked && checkpoint.Previous(l.opts.Name, last, found, b.hint) == ""
		if err != nil || !short || !l.opts.Now().Before(deadline) {
			return last, found, err
		}
		if err := l.opts.Sleep(ctx, newerPoll); err != nil {
			return checkpoint.Manifest{}, false, err
		}
	}
}

// explainDamage adds what a person can do when the newest record cannot be read.
func (l *Log) explainDamage(doing string, err error) error {
	if errors.Is(err, checkpoint.ErrCorrupt) {
		return fmt.Errorf("%s: %w; something else writes to the commits topic, or the topic is "+
			"damaged; nothing was changed", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// checkLast compares the newest record with what this Log, the job file and the store know (T7).
func (l *Log) checkLast(doing string, b base) error {
	if b.found && l.newer(b.last) {
		return l.fence(doing, b.last.Owner) // T6
	}
	if err := l.checkIdentity(doing, b); err != nil {
		return err
	}
	if l.previousLog(b) == "" {
		return l.checkLength(doing, b)
	}
	return nil
}

// checkIdentity compares the ids of the job.
func (l *Log) checkIdentity(doing string, b base) error {
	switch id := l.opts.JobID; {
	case b.hinted && b.hint.JobName != l.job:
		return fmt.Errorf("%s: %w: the store's folder is of job %q", doing, checkpoint.ErrOtherJob,
			b.hint.JobName)
	case b.hinted && id != "" && b.hint.JobID != id:
		return fmt.Errorf("%s: %w", doing,
			&checkpoint.PinnedError{Place: "the store", Pinned: id, Stands: b.hint.JobID})
	case !b.found:
		return nil
	case id != "" && b.last.JobID != id:
		return fmt.Errorf("%s: %w", doing,
			&checkpoint.PinnedError{Place: "log " + l.opts.Name, Pinned: id, Stands: b.last.JobID})
	case b.hinted && b.last.JobID != b.hint.JobID:
		return fmt.Errorf("%s: %w: log %s is of job id %s, the store knows this job as %s; give the "+
			"job another name, or move the store's folder away and take the log over with `run "+
			"--adopt`", doing, checkpoint.ErrOtherJob, l.opts.Name, b.last.JobID, b.hint.JobID)
	case b.hinted || id != "":
		return nil
	case !l.opts.Adopt:
		return fmt.Errorf("%s: %w: log %s is of job id %s (%s), and the store knows no such job; if "+
			"this is that job on a new machine or store, take it over with `run --adopt` or [job] id "+
			"= %q; else give the job another name", doing, checkpoint.ErrRefused, l.opts.Name,
			b.last.JobID, b.last.Owner, b.last.JobID)
	case b.marked != 0:
		return fmt.Errorf("%s: %w: the store's folder has marks of a job but not its file `job`; "+
			"restore that file, or move the folder away", doing, checkpoint.ErrRefused)
	}
	return nil
}

// checkLength refuses a log that has lost records.
func (l *Log) checkLength(doing string, b base) error {
	if b.last.Epoch >= b.marked || l.opts.Fresh || l.opts.Restore != 0 {
		return nil
	}
	if !b.found {
		return fmt.Errorf("%s: %w: log %s is empty, but it had record %d; bring %s back, or say that "+
			"the job begins anew with --fresh", doing, checkpoint.ErrRefused, l.opts.Name, b.marked,
			l.place())
	}
	return fmt.Errorf("%s: %w: log %s ends at record %d, but record %d was there before; bring %s "+
		"back, or say where to start with --epoch N or --fresh",
		doing, checkpoint.ErrRefused, l.opts.Name, b.last.Epoch, b.marked, l.place())
}

// place names where the records are.
func (l *Log) place() string {
	if p, ok := l.session.(Placed); ok {
		return "topic " + p.Topic()
	}
	return "the topic"
}

// fenceAndRead makes this session the only one and reads what the claim carries (T2).
func (l *Log) fenceAndRead(ctx context.Context, doing string, b base) (base, error) {
	l.last, l.begun, l.lost = 0, 0, false // nothing is done under the old claim any more
	if err := failpoint.Hit("txlog/claim-before-fence"); err != nil {
		return base{}, fmt.Errorf("%s: %w", doing, err)
	}
	if err := l.session.Fence(ctx); err != nil {
		doing += ": fencing older owners"
		if errors.Is(err, checkpoint.ErrFenced) {
			// Overtaken while it fenced: that is no owner that lost its job, yet.
			return base{}, l.awaitNewer(ctx, doing, err)
		}
		return base{}, fmt.Errorf("%s: %w", doing, err)
	}
	if err := failpoint.Hit("txlog/claim-after-fence"); err != nil {
		return base{}, fmt.Errorf("%s: %w", doing, err)
	}
	history, err := l.Records(ctx, l.opts.Retain)
	switch {
	case err != nil && (len(history) == 0 || !unreadable(err)):
		return base{}, l.explainDamage(doing, err)
	case err != nil:
		l.opts.Logger.Warn("reading the history of the commit log", "job", l.job, "error", err)
	}
	b.history, b.last, b.found = history, checkpoint.Manifest{}, len(history) > 0
	if b.found {
		b.last = history[0]
	}
	return b, l.checkLast(doing, b)
}

// succession says what claims and seals have in common.
func (l *Log) succession(b base) checkpoint.Succession {
	nonce := l.opts.Nonce()
	l.mine[nonce] = struct{}{}
	return checkpoint.Succession{
		Last: b.last, Found: b.found, JobName: l.job, JobID: b.hint.JobID,
		Owner:      checkpoint.Owner{Nonce: nonce, Host: l.opts.Host, PID: l.opts.PID},
		EpochAbove: b.marked, ClaimAbove: b.hint.Claim, CreatedMillis: l.opts.Now().UnixMilli(),
	}
}

// publish commits a claim or seal in a transaction of its own (T3).
func (l *Log) publish(ctx context.Context, doing string, m checkpoint.Manifest) error {
	data, err := checkpoint.EncodeManifest(m)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	l.owner = m.Owner // what is newer is told by it from here on
	doing = fmt.Sprintf("%s with record %d", doing, m.Epoch)
	if _, err := l.session.Begin(ctx, m.Epoch); err != nil {
		return l.settle(ctx, doing, notSent(err))
	}
	if err := l.session.Append(ctx, data); err != nil {
		return l.settle(ctx, doing, l.abort(ctx, err))
	}
	if err := failpoint.Hit("txlog/claim-before-commit"); err != nil {
		return l.settle(ctx, doing, l.abort(ctx, err))
	}
	if err := l.session.Commit(ctx); err != nil {
		return l.settle(ctx, doing, err)
	}
	_ = failpoint.Hit("txlog/claim-after-commit")
	return nil
}

// possess takes possession after the claim record stands: from here on the owner may create,
// publish and delete (I1).
func (l *Log) possess(
	ctx context.Context, m checkpoint.Manifest, history []checkpoint.Manifest,
) error {
	l.owned, l.jobID = true, m.JobID
	l.last, l.previous, l.marks = m.Epoch, m.Previous, true
	l.claimed, l.kept = keptOf(m), nil
	for _, record := range slices.Backward(history) {
		if record.Kind == checkpoint.KindEpoch {
			l.kept = append(l.kept, keptOf(record))
		}
	}
	if err := l.store.Remember(ctx, l.hint()); err != nil {
		return fmt.Errorf("claiming job %q: %w", l.job, err)
	}
	_ = failpoint.Hit("txlog/claimed")
	err := errors.Join(l.retainModules(ctx), l.store.RemoveLeftovers(ctx, l.opts.Now()))
	if err != nil {
		// What is left over costs space only; a later claim tries again.
		l.opts.Logger.Warn("cleaning up the checkpoint store", "job", l.job, "error", err)
	}
	return nil
}
