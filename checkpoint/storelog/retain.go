package storelog

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
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
	for _, n := range listed.applied {
		if n < l.previous && !l.keeps(n) {
			doomed = append(doomed, l.appliedPath(n))
		}
	}
	for _, p := range doomed {
		if err := failpoint.Hit("storelog/retain-before-remove"); err != nil {
			return fmt.Errorf("removing %s: %w", p, err)
		}
		if err := l.fs.Remove(ctx, p); err != nil {
			return fmt.Errorf("removing %s: %w", p, err)
		}
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

// retainModules removes module bytes of this and lower claims (S6): those that no kept record and
// nothing stored under this claim names, and older copies of what this claim stored itself.
func (l *Log) retainModules(ctx context.Context) error {
	modules, err := l.modules(ctx)
	if err != nil {
		return err
	}
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
	for _, m := range modules {
		_, stored := l.stored[m.sha]
		_, named := named[m.sha]
		spare := !stored && !named || stored && m.claim < l.owner.Number
		if m.claim > l.owner.Number || !spare {
			continue
		}
		if err := l.fs.Remove(ctx, m.path); err != nil {
			return fmt.Errorf("removing %s: %w", m.path, err)
		}
	}
	return nil
}

// leftoverAge is how old a temporary file must be before a claim removes it: any process that still
// meant to give it its name has done so, died, or been fenced long ago. Removing one too early
// costs its writer an error and nothing else.
const leftoverAge = time.Hour

// removeLeftovers removes what crashed processes left half-written: files that begin with a dot
// and end in ".tmp", which no reader looks at.
func (l *Log) removeLeftovers(ctx context.Context) error {
	for info, err := range l.fs.List(ctx, l.dir, true) {
		if err != nil {
			return err
		}
		if info.Dir || !isLeftover(path.Base(info.Path)) ||
			l.opts.Now().Sub(info.ModTime) < leftoverAge {
			continue
		}
		if err := l.fs.Remove(ctx, info.Path); err != nil {
			return fmt.Errorf("removing %s: %w", info.Path, err)
		}
	}
	return nil
}

func isLeftover(name string) bool {
	return strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")
}

// StoreModule keeps the bytes of a module and returns their digest, for Module.SHA256. It must
// have returned before an epoch that names the module is decided, anew after each claim (S6).
func (l *Log) StoreModule(ctx context.Context, module []byte) (string, error) {
	sha := hexSHA256(module)
	if err := l.check("storing module "+sha+" for", l.last+1); err != nil {
		return "", err
	}
	if len(module) > ModuleBytesMax {
		return "", fmt.Errorf("storing module %s: %d bytes are more than %d",
			sha, len(module), ModuleBytesMax)
	}
	if _, ok := l.stored[sha]; ok {
		return sha, nil
	}
	if err := failpoint.Hit("storelog/store-module"); err != nil {
		return "", fmt.Errorf("storing module %s: %w", sha, err)
	}
	p := path.Join(l.dir, modulesName, moduleName(sha, l.owner.Number))
	if err := l.fs.WriteFile(ctx, p, module); err != nil {
		return "", fmt.Errorf("storing module %s: %w", sha, err)
	}
	l.stored[sha] = struct{}{}
	return sha, nil
}
