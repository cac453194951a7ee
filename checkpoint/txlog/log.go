package txlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// Log is the commit log of one process for one run: it claims at the start and again after every
// failed attempt. It is used by one goroutine at a time.
type Log struct {
	View
	opts    Options
	session Session
	store   Store
	owner   checkpoint.Owner // of the newest claim that was tried
	// mine holds the nonce of every record this Log ever tried to claim with: a claim whose
	// outcome is unknown may stand.
	mine     map[string]struct{}
	owned    bool // a claim succeeded before
	fenced   bool // I6
	jobID    string
	last     checkpoint.Epoch // number of the last record of mine; 0 without a claim
	previous checkpoint.Epoch // the last decided epoch
	marks    bool             // the last decided epoch has output to commit
	begun    checkpoint.Epoch // whose transaction is open; 0 is none
	lost     bool             // an end of a transaction failed (T5)
	claimed  keptRecord       // the claim record
	kept     []keptRecord     // decided epochs, rising, at most Retain
}

// keptRecord is what retention needs to know of a record. It is held in memory: the topic shows a
// record some time after its commit was acknowledged.
type keptRecord struct {
	number   checkpoint.Epoch
	previous checkpoint.Epoch
	modules  []string
	commits  []checkpoint.Committable // what Recover of a claim on it commits
	named    []checkpoint.Committable // these, and what is held
}

func keptOf(m checkpoint.Manifest) keptRecord {
	k := keptRecord{
		number: m.Epoch, previous: m.Previous, commits: m.Committables,
		named: slices.Concat(m.Committables, m.Held),
	}
	for _, module := range m.Modules {
		k.modules = append(k.modules, module.SHA256)
	}
	return k
}

// New returns a log that has not claimed. It touches nothing.
func New(o Options) (*Log, error) {
	if o.Fresh && o.Restore != 0 {
		return nil, fmt.Errorf("job %q: %w: a fresh start and the start from epoch %d exclude "+
			"each other", o.Job, checkpoint.ErrRefused, o.Restore)
	}
	if o.Retain < 1 {
		o.Retain = DefaultRetain
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = func(limit time.Duration) time.Duration {
			return time.Duration(rand.Int64N(int64(limit)))
		}
	}
	if o.Nonce == nil {
		o.Nonce = checkpoint.NewNonce
	}
	if o.NewID == nil {
		o.NewID = checkpoint.NewJobID
	}
	return &Log{
		View: *NewView(o.Session, o.Name, o.Job), opts: o, session: o.Session, store: o.Store,
		mine: map[string]struct{}{},
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Owner implements checkpoint.CommitLog.
func (l *Log) Owner() checkpoint.Owner { return l.owner }

// check refuses work of an owner that is fenced, has no claim or has lost its transaction.
func (l *Log) check(doing string, e checkpoint.Epoch) error {
	switch {
	case l.fenced:
		return fmt.Errorf("%s epoch %d as %s: %w", doing, e, l.owner, checkpoint.ErrFenced)
	case l.last == 0:
		return fmt.Errorf("%s epoch %d: job %q is not claimed", doing, e, l.job)
	case l.lost: // T5
		return fmt.Errorf("%s epoch %d as %s: %w: an earlier call said so; claim again",
			doing, e, l.owner, checkpoint.ErrEpochLost)
	}
	return nil
}

// fence ends this owner for good and says who is newer (I6).
func (l *Log) fence(doing string, by checkpoint.Owner) error {
	l.fenced = true
	return fmt.Errorf("%s as %s: %w: %s", doing, l.owner, checkpoint.ErrFenced, by)
}

// newer tells that m is the record of a newer owner than this Log.
func (l *Log) newer(m checkpoint.Manifest) bool {
	_, mine := l.mine[m.Owner.Nonce]
	return l.owner.Number != 0 && !mine && m.Owner.Number >= l.owner.Number
}

// Begin implements checkpoint.CommitLog: it opens the transaction of epoch e.
func (l *Log) Begin(ctx context.Context, e checkpoint.Epoch) (checkpoint.Tx, error) {
	if err := l.check("beginning", e); err != nil {
		return nil, err
	}
	if e != l.last+1 {
		return nil, fmt.Errorf("beginning epoch %d: %s has epoch %d to begin", e, l.owner, l.last+1)
	}
	tx, err := l.session.Begin(ctx, e)
	if err != nil {
		l.lost = true
		return nil, l.settle(ctx, fmt.Sprintf("beginning epoch %d", e), notSent(err))
	}
	l.begun = e
	return tx, nil
}

// Decide implements checkpoint.CommitLog. After any error but those of arguments the transaction
// is gone and another claim is due.
func (l *Log) Decide(ctx context.Context, m checkpoint.Manifest) error {
	if err := l.check("deciding", m.Epoch); err != nil {
		return err
	}
	if m.Epoch != l.last+1 || m.Owner != l.owner || l.begun != m.Epoch {
		return fmt.Errorf("deciding epoch %d of %s: %s has epoch %d to decide, and has begun %d",
			m.Epoch, m.Owner, l.owner, l.last+1, l.begun)
	}
	for _, module := range m.Modules {
		if !l.store.HasModule(l.owner.Number, module.SHA256) { // S6
			return fmt.Errorf("deciding epoch %d: module %s of plugin %q is not in the store",
				m.Epoch, module.SHA256, module.Plugin)
		}
	}
	m.Previous = l.previous
	if m.CreatedMillis == 0 {
		m.CreatedMillis = l.opts.Now().UnixMilli()
	}
	data, err := checkpoint.EncodeManifest(m)
	if err != nil {
		return err
	}
	l.begun = 0
	if err := l.publishEpoch(ctx, data); err != nil {
		l.lost = true
		return l.settle(ctx, fmt.Sprintf("deciding epoch %d", m.Epoch), err)
	}
	l.last, l.previous, l.marks = m.Epoch, m.Epoch, len(m.Committables) > 0
	l.kept = append(l.kept, keptOf(m))
	_ = failpoint.Hit("txlog/decided")
	return nil
}

// Abandon ends the open transaction without effect, so that what an attempt has produced holds back
// no reader until the next one claims. It comes after the attempt: when every task has stopped and
// Decide was not called for the epoch, or has answered.
func (l *Log) Abandon(ctx context.Context) error {
	if l.begun == 0 || l.lost || l.fenced { // T5
		return nil
	}
	l.begun, l.lost = 0, true
	if err := l.session.Abort(ctx); err != nil {
		return fmt.Errorf("abandoning the transaction of epoch %d: %w", l.last+1, err)
	}
	return nil
}

// publishEpoch puts the record into the open transaction and ends that.
func (l *Log) publishEpoch(ctx context.Context, data []byte) error {
	if err := failpoint.Hit("txlog/decide-before-append"); err != nil {
		return l.abort(ctx, err)
	}
	if err := l.session.Append(ctx, data); err != nil {
		return l.abort(ctx, err)
	}
	if err := failpoint.Hit("txlog/decide-before-commit"); err != nil {
		return l.abort(ctx, err)
	}
	if err := l.session.Commit(ctx); err != nil { // T4
		return err
	}
	_ = failpoint.Hit("txlog/decide-after-commit")
	return nil
}

// abort ends a transaction whose commit was never asked for. Whether that works does not matter
// for the epoch: it is not decided, and the next fence ends what is left of it.
func (l *Log) abort(ctx context.Context, cause error) error {
	if err := l.session.Abort(ctx); err != nil {
		l.opts.Logger.Debug("aborting a transaction", "job", l.job, "error", err)
	}
	return notSent(cause)
}

// notSent marks an error that came before the end of the transaction was asked for.
func notSent(err error) error {
	if errors.Is(err, checkpoint.ErrFenced) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrNotCommitted, err)
}

// settle gives an error of a publication the meaning that package checkpoint knows.
func (l *Log) settle(ctx context.Context, doing string, err error) error {
	switch {
	case errors.Is(err, checkpoint.ErrFenced):
		return l.awaitNewer(ctx, doing, err)
	case errors.Is(err, ErrNotCommitted):
		return fmt.Errorf("%s: %w: %w", doing, checkpoint.ErrEpochLost, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, checkpoint.ErrOutcomeUnknown, err)
}

// Whoever fenced a session claims right after it. Before the fenced owner takes that for a crash
// and claims itself it looks for the claim for this long; else both would fence each other for
// ever, each of them healthy (T6).
const (
	// newerWait is many times what lies between a fence and a claim record: one read of the log
	// and one small transaction.
	newerWait = 2 * time.Second
	// newerJitterMax keeps two that fenced each other from waking at the same moment.
	newerJitterMax = time.Second
	// newerPoll is how often the log is read meanwhile.
	newerPoll = 100 * time.Millisecond
)

// awaitNewer looks for the claim of the session that fenced this one. It returns ErrFenced when
// there is one, else ErrOutcomeUnknown: whoever fenced has died, and the next claim reads what
// became of the transaction. The cause is in the text only, since it says "fenced", which is not
// what this one means.
func (l *Log) awaitNewer(ctx context.Context, doing string, cause error) error {
	deadline := l.opts.Now().Add(newerWait + l.opts.Jitter(newerJitterMax))
	for {
		last, found, err := l.Last(ctx)
		if err == nil && found && l.newer(last) {
			return l.fence(doing, last.Owner)
		}
		if err != nil {
			l.opts.Logger.Debug("looking for a newer owner", "job", l.job, "error", err)
		}
		if !l.opts.Now().Before(deadline) {
			return fmt.Errorf("%s: %w: %w: %v", doing, checkpoint.ErrOutcomeUnknown, errInterrupted,
				cause)
		}
		if err := l.opts.Sleep(ctx, newerPoll); err != nil {
			return fmt.Errorf("%s: %w: %w", doing, checkpoint.ErrOutcomeUnknown, err)
		}
	}
}

// Retained implements checkpoint.CommitLog. It is ErrFenced when a newer owner stands.
//
// The marks are read before the records. The other way round, (1) I read my own record as the
// newest, (2) a newer owner claims and its retention removes marks, (3) I read what marks are left
// and take output for missing that was published. In this order a newer owner shows.
func (l *Log) Retained(ctx context.Context) (checkpoint.Retained, error) {
	if err := l.check("reading what is retained for", l.last+1); err != nil {
		return checkpoint.Retained{}, err
	}
	marked, err := l.store.HighestApplied(ctx)
	if err != nil {
		return checkpoint.Retained{}, err
	}
	keep := checkpoint.Retained{Claim: l.owner.Number, Applied: marked}
	itself := false
	if cs := l.claimed.commits; len(cs) > 0 {
		if itself, err = l.store.IsApplied(ctx, cs[0].Epoch); err != nil {
			return checkpoint.Retained{}, err
		}
	}
	if keep.Accepted, err = l.store.Accepted(ctx); err != nil {
		return checkpoint.Retained{}, err
	}
	last, found, err := l.Last(ctx)
	if err != nil {
		return checkpoint.Retained{}, err
	}
	if found && l.newer(last) {
		return checkpoint.Retained{}, l.fence("reading what is retained", last.Owner)
	}
	keep.Named = slices.Clone(l.claimed.named)
	for _, k := range l.kept {
		keep.Named = append(keep.Named, k.named...)
		keep.Applied = max(keep.Applied, k.previous) // I3: committed before k was decided
	}
	keep.Applied = checkpoint.AppliedFor(l.claimed.commits, keep.Applied,
		func(e checkpoint.Epoch) bool { return itself || l.followed(e) })
	return keep, nil
}

// followed tells that the number after e was decided: no claim stands between them.
func (l *Log) followed(e checkpoint.Epoch) bool {
	return slices.ContainsFunc(l.kept, func(k keptRecord) bool {
		return k.previous == e && k.number == e+1
	})
}

// StoreModule keeps the bytes of a module and returns their digest, for Module.SHA256. It must
// have returned before an epoch that names the module is decided, anew after each claim.
func (l *Log) StoreModule(ctx context.Context, module []byte) (string, error) {
	if err := l.check("storing a module for", l.last+1); err != nil {
		return "", err
	}
	return l.store.StoreModule(ctx, l.owner.Number, module)
}

// Applied implements checkpoint.CommitLog: it writes the mark, unless the epoch had no output to
// commit beside what was in its transaction, then drops what retention no longer keeps.
func (l *Log) Applied(ctx context.Context, e checkpoint.Epoch) error {
	if err := l.check("marking", e); err != nil {
		return err
	}
	var errs []error
	if e != l.previous || l.marks {
		if err := failpoint.Hit("txlog/before-applied"); err != nil {
			return fmt.Errorf("marking epoch %d: %w", e, err)
		}
		if err := l.store.MarkApplied(ctx, e, l.owner.Number); err != nil {
			return err
		}
		_ = failpoint.Hit("txlog/after-applied")
		errs = append(errs, l.store.RemoveMarks(ctx, l.previous, l.keeps))
	}
	return errors.Join(append(errs, l.retain(ctx), l.store.Renew(ctx, l.hint()))...)
}

// keeps tells that n is one of the newest decided epochs.
func (l *Log) keeps(n checkpoint.Epoch) bool {
	return slices.ContainsFunc(l.kept, func(k keptRecord) bool { return k.number == n })
}

// retain forgets the oldest epochs, and removes module bytes when they go with one.
func (l *Log) retain(ctx context.Context) error {
	drop := len(l.kept) - l.opts.Retain
	if drop <= 0 {
		return nil
	}
	gone, newest := l.kept[:drop], l.kept[len(l.kept)-1]
	changed := slices.ContainsFunc(gone, func(k keptRecord) bool {
		return !slices.Equal(k.modules, newest.modules)
	})
	l.kept = slices.Delete(l.kept, 0, drop)
	if !changed {
		return nil
	}
	return l.retainModules(ctx)
}

func (l *Log) retainModules(ctx context.Context) error {
	named := map[string]struct{}{}
	for _, k := range l.kept {
		k.addTo(named)
	}
	if l.last == l.claimed.number {
		l.claimed.addTo(named) // the claim record is still the last one
	}
	return l.store.RetainModules(ctx, l.owner.Number, named)
}

func (k keptRecord) addTo(names map[string]struct{}) {
	for _, sha := range k.modules {
		names[sha] = struct{}{}
	}
}

// hint is what the store should remember now.
func (l *Log) hint() checkpoint.Hint {
	return checkpoint.Hint{
		JobID: l.jobID, JobName: l.job, Log: l.opts.Name, LastEpoch: l.last, Claim: l.owner.Number,
	}
}

// CheckOwner returns an error that wraps checkpoint.ErrFenced when a newer owner stands in the
// log, so that a failure caused by that owner is told from one of this process's own. It decides
// nothing: nil is no promise for the moment after.
func (l *Log) CheckOwner(ctx context.Context) error {
	last, found, err := l.Last(ctx)
	if err != nil {
		return fmt.Errorf("checking the owner of job %q: %w", l.job, err)
	}
	if found && l.newer(last) {
		return l.fence("checking the owner", last.Owner)
	}
	return nil
}

// Close implements checkpoint.CommitLog. It closes the session, which aborts an open transaction,
// and gives the lock back.
func (l *Log) Close() error { return errors.Join(l.session.Close(), l.store.Unlock()) }

var (
	_ checkpoint.CommitLog = (*Log)(nil)
	_ checkpoint.Sealer    = (*Log)(nil)
)
