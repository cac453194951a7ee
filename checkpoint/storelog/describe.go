package storelog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Entry describes one record for a person.
type Entry struct {
	Number       checkpoint.Epoch
	Kind         checkpoint.Kind
	Owner        checkpoint.Owner
	Created      time.Time
	Parallelism  int
	Splits       int // unfinished ones
	Committables int
	// Decided tells that the record is an epoch of the chain: `run --epoch` can start from it.
	Decided bool
	// Applied tells that its output is known to be published.
	Applied bool
	Err     error // why it cannot be read; the fields above but Number are zero then
}

// Describe lists every record, in order of numbers.
func (v *View) Describe(ctx context.Context) ([]Entry, error) {
	l, err := v.list(ctx)
	if err != nil {
		return nil, err
	}
	chain, err := v.Chain(ctx)
	if err != nil && !isUnreadable(err) && !errors.Is(err, checkpoint.ErrOtherJob) {
		return nil, err
	}
	decided := map[checkpoint.Epoch]bool{}
	known := l.highestApplied()
	for _, m := range chain {
		decided[m.Epoch] = true
		known = max(known, m.Previous) // I3: committed before its successor was decided
	}
	entries := make([]Entry, 0, len(l.records))
	for _, n := range l.records {
		m, err := v.Record(ctx, n)
		if errors.Is(err, filesystem.ErrNotFound) {
			continue
		}
		entry := Entry{Number: n, Err: err}
		if err == nil {
			entry = entryOf(m)
			entry.Decided = decided[n]
			entry.Applied = decided[n] && n <= known
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func entryOf(m checkpoint.Manifest) Entry {
	e := Entry{
		Number: m.Epoch, Kind: m.Kind, Owner: m.Owner, Created: time.UnixMilli(m.CreatedMillis),
		Parallelism: m.Parallelism, Committables: len(m.Committables),
	}
	for _, s := range m.Sources {
		e.Splits += len(s.Splits)
	}
	return e
}

// Consequences says in words what a start with Options.Fresh or Options.Restore does to output
// that is there already. It is empty for a job that has decided nothing, which has no epoch to be
// restored either: that is checkpoint.ErrRefused.
func (v *View) Consequences(
	ctx context.Context, fresh bool, restore checkpoint.Epoch,
) (string, error) {
	chain, err := v.Chain(ctx)
	if err != nil && (restore == 0 || !isUnreadable(err)) {
		return "", err
	}
	switch {
	case len(chain) == 0 && err == nil && restore != 0:
		return "", fmt.Errorf("%w: job %q has decided no epoch yet; start it without naming one",
			checkpoint.ErrRefused, v.job)
	case len(chain) == 0:
		return "", nil
	}
	switch {
	case fresh:
		return checkpoint.Consequences(v.job, chain[0], nil), nil
	case restore != 0:
		from, err := v.LoadEpoch(ctx, restore)
		if err != nil {
			return "", err
		}
		return checkpoint.Consequences(v.job, chain[0], &from), nil
	}
	return "", nil
}
