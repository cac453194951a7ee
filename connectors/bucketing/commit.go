package bucketing

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// publishesMax is how many parts are published or discarded at the same time. Each is a wait for
// a disk or a name node; more than a few only queue there.
const publishesMax = 8

// committer publishes the parts of all tasks and owners of one sink.
type committer struct {
	sink  *Sink
	claim uint64
	nonce string
	hold  holder
}

// item is a committable with what it says.
type item struct {
	committable
	task  int
	claim uint64
	epoch checkpoint.Epoch
	fs    filesystem.FileSystem
}

// name returns the name of the part (B2).
func (it item) name() string { return path.Base(it.token.Target) }

// items decodes those of cs that are this sink's and finds their file systems.
func (c *committer) items(ctx context.Context, cs []checkpoint.Committable) ([]item, error) {
	var items []item
	for _, x := range cs {
		if x.Sink != c.sink.env.Name {
			continue
		}
		d, err := decode(x)
		if err != nil {
			return nil, err
		}
		fs, err := c.fileSystem(ctx, d)
		if err != nil {
			return nil, err
		}
		items = append(items, item{
			committable: d, task: x.Task, claim: x.Claim, epoch: x.Epoch, fs: fs,
		})
	}
	return items, nil
}

// fileSystem returns where a part was written, which another job file may have named.
func (c *committer) fileSystem(
	ctx context.Context, d committable,
) (filesystem.FileSystem, error) {
	if d.base == c.sink.config.Path {
		return c.sink.fs, nil
	}
	fs, _, err := c.sink.env.FileSystems(ctx, d.base)
	if err != nil {
		return nil, fmt.Errorf("resolving %s, where the sink wrote before: %w", d.base, err)
	}
	return fs, nil
}

// Commit implements checkpoint.Committer.
func (c *committer) Commit(ctx context.Context, cs []checkpoint.Committable) error {
	items, err := c.items(ctx, cs)
	if err != nil {
		return err
	}
	if err := c.publish(ctx, items, checkpoint.Retained{}); err != nil {
		return err
	}
	return c.dropInputs(ctx, items)
}

// publish publishes every part. A part that is missing although nothing excuses it stops it loudly
// (B6).
func (c *committer) publish(ctx context.Context, items []item, keep checkpoint.Retained) error {
	err := inParallel(publishesMax, items, func(it item) error {
		if it.isMark() {
			return nil
		}
		if err := failpoint.Hit("bucketing/before-publish"); err != nil {
			return err
		}
		if it.epoch <= keep.Applied {
			if gone, err := c.wasRemoved(ctx, it); gone || err != nil {
				return err
			}
		}
		err := it.fs.Publish(ctx, it.token)
		if errors.Is(err, filesystem.ErrMissing) {
			return c.missing(it, keep)
		}
		if err != nil {
			return err
		}
		c.sink.metrics.published.Inc()
		return failpoint.Hit("bucketing/after-publish")
	})
	if err == nil {
		err = c.publishMarks(ctx, items)
	}
	if err != nil {
		return err
	}
	return failpoint.Hit("bucketing/after-commit")
}

// wasRemoved tells whether somebody removed a part after it was published, for which its epoch is
// known to be applied. Its pending form may be there all the same: (1) Publish makes the final name
// durable and unlinks the pending one, (2) a reader takes the part away, (3) the power fails and
// takes back the unlink. Publishing it again would show its records twice.
func (c *committer) wasRemoved(ctx context.Context, it item) (bool, error) {
	_, err := it.fs.Stat(ctx, it.token.Target)
	if !errors.Is(err, filesystem.ErrNotFound) {
		return false, err
	}
	c.sink.env.Logger.Info("a part that was published is gone", "part", it.token.Target,
		"epoch", uint64(it.epoch))
	return true, it.fs.Discard(ctx, it.token)
}

// missing judges a part that is neither pending nor published.
func (c *committer) missing(it item, keep checkpoint.Retained) error {
	excuse := it.excuse(keep)
	if excuse == "" {
		return fmt.Errorf("publishing %s of epoch %d, %d records: %w; put it back, or bear the loss "+
			"with `wasmflow fsck --accept-missing %s JOB.toml`", it.token.Target, it.epoch, it.records,
			checkpoint.ErrLost, it.token.Target)
	}
	c.sink.env.Logger.Info("a part is missing", "part", it.token.Target,
		"epoch", uint64(it.epoch), "excuse", excuse)
	return nil
}

// excuse says why a part may be missing; "" is that it may not.
func (it item) excuse(keep checkpoint.Retained) string {
	switch {
	case it.epoch <= keep.Applied:
		return "it was published, and somebody removed it"
	case slices.Contains(keep.Accepted, it.token.Target):
		return "a person accepted its loss"
	}
	return ""
}

// Abort implements checkpoint.Committer.
func (c *committer) Abort(ctx context.Context, cs []checkpoint.Committable) error {
	items, err := c.items(ctx, cs)
	if err != nil {
		return err
	}
	return inParallel(publishesMax, items, func(it item) error {
		if err := failpoint.Hit("bucketing/before-discard"); err != nil {
			return err
		}
		if err := it.fs.Discard(ctx, it.token); err != nil {
			return err
		}
		c.sink.metrics.discarded.Inc()
		return nil
	})
}

// Recover implements checkpoint.Committer. Strays are a matter of tidiness: when they cannot be
// listed or removed the job runs all the same, and a later claim tries again.
func (c *committer) Recover(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) error {
	items, err := c.items(ctx, committed)
	if err != nil {
		return err
	}
	if err := c.publish(ctx, items, keep); err != nil {
		return err
	}
	later, err := c.successors(ctx, keep)
	if err != nil {
		return err
	}
	if err := c.resume(ctx, keep, later); err != nil {
		return err
	}
	named, err := c.items(ctx, slices.Concat(committed, keep.Named, keep.Held))
	if err != nil {
		return err
	}
	fate := &fates{committer: c, later: later, current: map[string]bool{}, named: map[string]bool{}}
	places := map[string]place{c.sink.config.Path: {c.sink.fs, c.sink.root}}
	for _, it := range named {
		fate.named[it.name()] = true
		places[it.base] = place{it.fs, it.root}
	}
	for _, it := range items {
		fate.current[it.name()] = true
	}
	for _, p := range c.hold.held {
		fate.current[p.name()] = true
	}
	if err := failpoint.Hit("bucketing/before-strays"); err != nil {
		return err
	}
	for base, at := range places {
		if err := c.removeStrays(ctx, at, min(keep.Claim, c.claim), fate); err != nil {
			c.sink.env.Logger.Warn("removing what earlier runs left", "path", base, "error", err)
		}
		c.tellOthers(ctx, base, at)
	}
	return nil
}

// place is a base path that this sink writes or wrote to.
type place struct {
	fs   filesystem.FileSystem
	root string
}

// removeStrays discards pending files at a place that nobody will publish (B5).
func (c *committer) removeStrays(
	ctx context.Context, at place, claim uint64, fate *fates,
) error {
	var errs []error
	for stray, err := range at.fs.ListStrays(ctx, at.root, c.sink.env.JobID) {
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		if stray.Claim >= claim || !wroteIt(stray.Part, c.sink.env.JobID, c.sink.env.Name) {
			continue
		}
		if needed, err := fate.isNeeded(ctx, stray); needed || err != nil {
			errs = append(errs, err)
			continue
		}
		if err := at.fs.Discard(ctx, stray.Token); err != nil {
			errs = append(errs, err)
			continue
		}
		c.sink.metrics.strays.Inc()
		if err := failpoint.Hit("bucketing/after-stray"); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// wroteIt tells whether a part's name says that this sink wrote it, whatever its prefix and suffix
// were then: "-<job>-<sink>-", a task, a claim, a nonce and a number. Two sinks may share a base
// path, and the manifest's names of the other one are not known here.
func wroteIt(part, job, sink string) bool {
	mark := "-" + job + "-" + sink + "-"
	at := strings.Index(part, mark)
	if at < 0 {
		return false
	}
	fields := strings.SplitN(part[at+len(mark):], "-", 4)
	return len(fields) == 4 && isDigits(fields[0]) && isDigits(fields[1]) &&
		len(fields[2]) == nonceBytes && isDigits(fields[3][:min(1, len(fields[3]))])
}

// nonceBytes is the length of a claim's nonce, see checkpoint.Owner.
const nonceBytes = 8

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// inParallel runs do for every item, so many at a time, and returns all errors.
func inParallel[T any](limit int, items []T, do func(T) error) error {
	var wg sync.WaitGroup
	errs := make([]error, len(items))
	slots := make(chan struct{}, limit)
	for i, it := range items {
		slots <- struct{}{}
		// Ends with do.
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = do(it)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Close implements checkpoint.Committer.
func (c *committer) Close() error { return nil }

var _ checkpoint.Committer = (*committer)(nil)
