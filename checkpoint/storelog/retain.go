package storelog

import (
	"context"
	"slices"
	"strings"

	"github.com/wasmflow/wasmflow/checkpoint"
)

// retain removes records, marks and modules that neither running nor going back needs: it keeps
// the last record and the newest decided epochs.
//
// A process that slept through a takeover may do this with an old view. It removes only what is
// below the epochs it knows, and a newer owner keeps none of those: both count from the top, and
// the newer one's top is higher.
func (l *Log) retain(ctx context.Context) error {
	if drop := len(l.kept) - l.opts.Retain; drop > 0 {
		l.kept = slices.Delete(l.kept, 0, drop)
	}
	listed, err := l.list(ctx)
	if err != nil {
		return err
	}
	var doomed []string // from the lowest number up: checkHighest relies on it
	for _, n := range listed.records {
		if n < l.last && !l.keeps(n) {
			doomed = append(doomed, l.Path(n))
		}
	}
	if err := l.store.remove(ctx, doomed); err != nil {
		return err
	}
	if err := l.store.removeMarks(ctx, listed, l.previous, l.keeps); err != nil {
		return err
	}
	return l.retainModules(ctx)
}

// keeps tells that retention keeps record n: it is one of the newest decided epochs, or a person
// may still repair the damaged record above it and go back to it.
func (l *Log) keeps(n checkpoint.Epoch) bool {
	if n <= l.damaged && len(l.kept) < l.opts.Retain {
		return true
	}
	return slices.ContainsFunc(l.kept, func(k keptEpoch) bool { return k.number == n })
}

// retainModules removes module bytes that no kept record names.
func (l *Log) retainModules(ctx context.Context) error {
	if l.damaged != 0 && len(l.kept) < l.opts.Retain {
		return nil // the damaged record names modules too
	}
	named := map[string]struct{}{}
	for _, k := range l.kept {
		k.addTo(named)
	}
	if l.last == l.claimed.number {
		l.claimed.addTo(named) // the claim record is still the last one
	}
	return l.store.RetainModules(ctx, l.owner.Number, named)
}

func isLeftover(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")
}
