package storelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Name is what manifests call this log.
const Name = "store"

// DefaultRetain is how many decided epochs are kept when the job file says nothing: a few to go
// back to by hand; running needs one.
const DefaultRetain = 3

// Options say whose log it is and how to start.
type Options struct {
	FileSystem filesystem.FileSystem // must be able to publish exclusively
	Root       string                // folder of the store
	Job        string                // name of the job
	JobID      string                // id the job file pins; empty for any
	Host       string                // of the owner, for messages
	PID        int                   // of the owner, for messages
	Retain     int                   // decided epochs to keep; 0 is DefaultRetain
	Lock       Locker                // nil for none
	Takeover   bool                  // go on although another process holds the lock
	// Previous opens the log of that name, which the job used before, to seal it; nil is that a
	// job cannot change to this log. The log that calls it closes what it returns.
	Previous checkpoint.OpenPrevious
	Logger   *slog.Logger // for clean-up that did not work; nil is slog.Default

	// Fresh and Restore change what the first Claim carries; later claims of the same Log go
	// on from there. Fresh drops positions, state and counts and keeps the job's identity and the
	// output that is decided. Restore carries the decided epoch of that number.
	Fresh   bool
	Restore checkpoint.Epoch

	Now   func() time.Time // default time.Now
	Nonce func() string    // 8 hex digits, different each time; default random
	NewID func() string    // id of a new job; default random
}

// Log is the commit log of one process for one run: it claims at the start and again after every
// failed attempt. It is used by one goroutine at a time.
type Log struct {
	View
	store *JobStore
	opts  Options
	owner checkpoint.Owner
	// mine holds the nonce of every claim this Log ever tried to publish: a claim whose reply
	// was lost may stand.
	mine     map[string]struct{}
	owned    bool             // a claim succeeded before
	fenced   bool             // I6
	jobID    string           // since the claim
	last     checkpoint.Epoch // number of the last record of mine; 0 without a claim
	previous checkpoint.Epoch // the last decided epoch
	claimed  keptEpoch        // the claim record
	kept     []keptEpoch      // decided epochs, rising, cut by retention
	damaged  checkpoint.Epoch // the highest unreadable record of the chain; 0 is none
}

// keptEpoch is what retention needs to know of a record.
type keptEpoch struct {
	number  checkpoint.Epoch
	modules []string
}

func keptOf(m checkpoint.Manifest) keptEpoch {
	k := keptEpoch{number: m.Epoch}
	for _, module := range m.Modules {
		k.modules = append(k.modules, module.SHA256)
	}
	return k
}

func (k keptEpoch) addTo(names map[string]struct{}) {
	for _, sha := range k.modules {
		names[sha] = struct{}{}
	}
}

// New returns a log that has not claimed. It touches nothing.
func New(o Options) (*Log, error) {
	store, err := NewJobStore(o.FileSystem, o.Root, o.Job, o.Lock)
	if err != nil {
		return nil, err
	}
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
	if o.Nonce == nil {
		o.Nonce = checkpoint.NewNonce
	}
	if o.NewID == nil {
		o.NewID = checkpoint.NewJobID
	}
	return &Log{View: store.View, store: store, opts: o, mine: map[string]struct{}{}}, nil
}

// Owner implements checkpoint.CommitLog.
func (l *Log) Owner() checkpoint.Owner { return l.owner }

// Retained implements checkpoint.CommitLog. It is ErrFenced when a newer owner's retention has
// removed what was to be read: an owner that slept meanwhile must not take the rest for the whole.
func (l *Log) Retained(ctx context.Context) (checkpoint.Retained, error) {
	if err := l.check("reading what is retained for", l.last+1); err != nil {
		return checkpoint.Retained{}, err
	}
	keep, err := l.View.Retained(ctx, l.owner.Number)
	if err != nil {
		return keep, err
	}
	// Retention removes records before marks, and mine before newer ones: while mine stands
	// nothing that was listed has gone.
	_, err = l.fs.Stat(ctx, l.Path(l.last))
	if errors.Is(err, filesystem.ErrNotFound) {
		return keep, l.fence("reading what is retained", checkpoint.Owner{Host: "an unknown host"})
	}
	return keep, err
}

// Begin implements checkpoint.CommitLog. A store has no transaction to join.
func (l *Log) Begin(_ context.Context, e checkpoint.Epoch) (checkpoint.Tx, error) {
	return nil, l.check("beginning", e)
}

// check refuses work of an owner that is fenced or has no claim.
func (l *Log) check(doing string, e checkpoint.Epoch) error {
	switch {
	case l.fenced:
		return fmt.Errorf("%s epoch %d as %s: %w", doing, e, l.owner, checkpoint.ErrFenced)
	case l.last == 0:
		return fmt.Errorf("%s epoch %d: job %q is not claimed", doing, e, l.job)
	}
	return nil
}

// fence ends this owner for good and says who is newer (I6).
func (l *Log) fence(doing string, by checkpoint.Owner) error {
	l.fenced = true
	return fmt.Errorf("%s as %s: %w: %s", doing, l.owner, checkpoint.ErrFenced, by)
}

// Decide implements checkpoint.CommitLog. After an error that is neither ErrFenced nor
// ErrOutcomeUnknown it may be called again with the same manifest, also when the record arrives
// late after all: it carries this claim's nonce (S3).
func (l *Log) Decide(ctx context.Context, m checkpoint.Manifest) error {
	if err := l.check("deciding", m.Epoch); err != nil {
		return err
	}
	if m.Epoch != l.last+1 || m.Owner != l.owner {
		return fmt.Errorf("deciding epoch %d of %s: %s has epoch %d to decide",
			m.Epoch, m.Owner, l.owner, l.last+1)
	}
	for _, module := range m.Modules {
		if !l.store.HasModule(l.owner.Number, module.SHA256) { // S6
			return fmt.Errorf("deciding epoch %d: module %s of plugin %q is not in the store",
				m.Epoch, module.SHA256, module.Plugin)
		}
	}
	m.Previous = l.previous
	l.stamp(&m)
	data, err := checkpoint.EncodeManifest(m)
	if err != nil {
		return err
	}
	if err := failpoint.Hit("storelog/decide-before-publish"); err != nil {
		return fmt.Errorf("deciding epoch %d: %w", m.Epoch, err)
	}
	standing, err := l.publish(ctx, m.Epoch, data)
	if err != nil {
		return fmt.Errorf("deciding epoch %d: %w", m.Epoch, err)
	}
	doing := fmt.Sprintf("deciding epoch %d", m.Epoch)
	switch {
	case standing == l.owner:
	case standing.Number == l.owner.Number:
		return fmt.Errorf("%s: %w: the record is of %s", doing, checkpoint.ErrOutcomeUnknown, standing)
	default:
		return l.fence(doing, standing)
	}
	_ = failpoint.Hit("storelog/decide-after-publish")
	above, highest, err := l.checkHighest(ctx, m.Epoch, data)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if !highest {
		return l.fence(doing, above)
	}
	l.adopt(m)
	_ = failpoint.Hit("storelog/decided")
	return nil
}

// StoreModule keeps the bytes of a module and returns their digest, for Module.SHA256. It must
// have returned before an epoch that names the module is decided, anew after each claim (S6).
func (l *Log) StoreModule(ctx context.Context, module []byte) (string, error) {
	if err := l.check("storing a module for", l.last+1); err != nil {
		return "", err
	}
	return l.store.StoreModule(ctx, l.owner.Number, module)
}

// adopt makes a decided epoch of mine the last record.
func (l *Log) adopt(m checkpoint.Manifest) {
	l.last, l.previous = m.Epoch, m.Epoch
	l.kept = append(l.kept, keptOf(m))
}

func (l *Log) stamp(m *checkpoint.Manifest) {
	if m.CreatedMillis == 0 {
		m.CreatedMillis = l.opts.Now().UnixMilli()
	}
}

// publishAttemptsMax bounds how often a publication is tried and read back: once to publish, once
// to learn from the taken name that a lost reply was a success, once for a name that was freed.
const publishAttemptsMax = 3

// publish publishes record n and returns whose record stands under its number: another owner's
// when the name was taken (S3). An error that wraps ErrOutcomeUnknown means that it could not be
// found out; after any other error the record did not stand when it was looked for.
func (l *Log) publish(
	ctx context.Context, n checkpoint.Epoch, data []byte,
) (checkpoint.Owner, error) {
	var err error
	for range publishAttemptsMax {
		err = l.fs.PublishExclusive(ctx, l.Path(n), data)
		if err == nil {
			return l.owner, nil
		}
		standing, readErr := l.Record(ctx, n)
		switch {
		case errors.Is(readErr, filesystem.ErrNotFound) && !errors.Is(err, filesystem.ErrExists):
			return checkpoint.Owner{}, err
		case errors.Is(readErr, filesystem.ErrNotFound):
			// The name was taken and is free again: a newer owner cleans up. Publish and let
			// the listing afterwards tell (S2).
		case errors.Is(readErr, checkpoint.ErrCorrupt), errors.Is(readErr, checkpoint.ErrNewerFormat):
			return checkpoint.Owner{}, readErr
		case readErr != nil:
			return checkpoint.Owner{}, fmt.Errorf("%w: %w",
				checkpoint.ErrOutcomeUnknown, errors.Join(err, readErr))
		case standing.Owner != l.owner || errors.Is(err, filesystem.ErrExists):
			return standing.Owner, nil
		default:
			// My record is there, but the call that made it failed: it may not be durable yet.
			// Publishing again finds the name taken, and what is taken is durable.
		}
	}
	return checkpoint.Owner{}, fmt.Errorf("%w: %w", checkpoint.ErrOutcomeUnknown, err)
}

// checkHighest asks whether a record above mine stands, and whose (S2). It looks after the
// publication: a process that slept through a takeover publishes into a name that the newer
// owner's retention has freed, and only the higher numbers tell.
//
// A listing alone could miss them: (1) I publish 6, (2) the listing reads the names 6 and 20,
// (3) I sleep while the newer owner decides 21 and its retention removes 20, (4) the listing finds
// 20 gone and leaves it out. So the record is read once more at the end. Whoever removed 20 did so
// after publishing a record that (2) did not see, listed after that, found my 6 there, and removes
// from the lowest number up: 6 was gone before 20 was.
func (l *Log) checkHighest(
	ctx context.Context, n checkpoint.Epoch, data []byte,
) (above checkpoint.Owner, highest bool, err error) {
	listed, err := l.list(ctx)
	if err != nil {
		return checkpoint.Owner{}, false, fmt.Errorf("%w: %w", checkpoint.ErrOutcomeUnknown, err)
	}
	if listed.highest() <= n {
		standing, err := l.standing(ctx, n, data)
		switch {
		case err == nil:
			return standing, standing == l.owner, nil
		case !errors.Is(err, filesystem.ErrNotFound):
			return checkpoint.Owner{}, false, fmt.Errorf("%w: %w", checkpoint.ErrOutcomeUnknown, err)
		}
	}
	newest, found, err := l.Last(ctx)
	if err != nil || !found {
		// Whoever it is, it is not me.
		newest.Owner = checkpoint.Owner{Host: "an unknown host"}
	}
	return newest.Owner, false, nil
}

// standing reads whose record stands under n. data is what I published, which saves decoding it.
func (l *Log) standing(
	ctx context.Context, n checkpoint.Epoch, data []byte,
) (checkpoint.Owner, error) {
	got, err := l.fs.ReadFile(ctx, l.Path(n), checkpoint.ManifestBytesMax)
	if err != nil {
		return checkpoint.Owner{}, err
	}
	if bytes.Equal(got, data) {
		return l.owner, nil
	}
	m, err := checkpoint.DecodeManifest(got) // mine too, when an earlier Decide arrived late
	return m.Owner, err
}

// Applied implements checkpoint.CommitLog: it writes the mark, then drops what retention no
// longer keeps and renews the hint when it lags behind.
func (l *Log) Applied(ctx context.Context, e checkpoint.Epoch) error {
	if err := l.check("marking", e); err != nil {
		return err
	}
	if err := failpoint.Hit("storelog/before-applied"); err != nil {
		return fmt.Errorf("marking epoch %d: %w", e, err)
	}
	if err := l.store.MarkApplied(ctx, e, l.owner.Number); err != nil {
		return err
	}
	_ = failpoint.Hit("storelog/after-applied")
	return errors.Join(l.retain(ctx), l.store.Renew(ctx, l.hint()))
}

// hint is what the folder should remember now.
func (l *Log) hint() checkpoint.Hint {
	return checkpoint.Hint{
		JobID: l.jobID, JobName: l.job, Log: Name, LastEpoch: l.last, Claim: l.owner.Number,
	}
}

// CheckOwner returns an error that wraps checkpoint.ErrFenced when a newer owner stands in the
// log, so that a failure caused by that owner is told from one of this process's own. It decides
// nothing: nil is no promise for the moment after.
func (l *Log) CheckOwner(ctx context.Context) error {
	if l.last == 0 {
		return nil
	}
	newest, found, err := l.Last(ctx)
	if err != nil {
		return fmt.Errorf("checking the owner of job %q: %w", l.opts.Job, err)
	}
	if found && newest.Epoch > l.last && newest.Owner != l.owner {
		return l.fence("checking the owner", newest.Owner)
	}
	return nil
}

// Close implements checkpoint.CommitLog. It gives the lock back.
func (l *Log) Close() error { return l.store.Unlock() }

var (
	_ checkpoint.CommitLog = (*Log)(nil)
	_ checkpoint.Sealer    = (*Log)(nil)
)
