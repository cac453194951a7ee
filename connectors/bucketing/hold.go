package bucketing

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// joinsMax is how many files are joined at the same time. Each is a stream of reads and writes.
const joinsMax = 4

// heldPartsMax bounds what is held back: each part is a line of every manifest. A bucketer that
// names ever new buckets gets many files sooner than a manifest that is too large to be written,
// after which no epoch could be decided.
const heldPartsMax = 10_000

// heldPart is a closed part that was prepared and is not published.
type heldPart struct {
	committable
	fs    filesystem.FileSystem
	task  int
	claim uint64
	epoch checkpoint.Epoch // that named it first
}

// name returns the name of the part (B2).
func (p *heldPart) name() string { return path.Base(p.token.Target) }

// encode returns what a manifest says of the part.
func (p *heldPart) encode(sink string, kept bool) checkpoint.Committable {
	said := p.committable
	h := *p.hold
	h.kept = kept
	said.hold = &h
	return checkpoint.Committable{
		Sink: sink, Task: p.task, Epoch: p.epoch, Claim: p.claim, Version: said.version(),
		Data: said.encode(), Optional: h.mark,
	}
}

// holder knows what is held back, from one decided epoch to the next, and what joined parts were
// made of. It belongs to a committer, whose calls come one after the other.
type holder struct {
	held []*heldPart // in the order in which they were written
	// made are the inputs of joined parts that are not published yet, by name. They stay until
	// then: whoever goes back to an epoch before the joining needs them.
	made map[string][]filesystem.Token
	next uint64 // number of the next joined part
	// marks are the buckets that wait for their mark, by folder.
	marks   map[string]*heldPart
	settled int64 // when Settle was called before, Unix milliseconds; 0 is never
	// stale says that the last manifest names more than is held: the next one must not.
	stale bool
}

func newHolder() holder {
	return holder{made: map[string][]filesystem.Token{}, marks: map[string]*heldPart{}}
}

// Settles implements checkpoint.Settler.
func (c *committer) Settles() bool {
	return c.sink.config.settles() || len(c.hold.held) > 0 || len(c.hold.marks) > 0 || c.hold.stale
}

// Settle implements checkpoint.Settler. It removes nothing: inputs go with Commit.
func (c *committer) Settle(
	ctx context.Context, e checkpoint.Epoch, final bool, prepared []checkpoint.Committable,
) (publish, keep []checkpoint.Committable, err error) {
	now := c.sink.env.Now()
	all, err := c.withPrepared(ctx, e, now, prepared)
	if err != nil {
		return nil, nil, err
	}
	flush := final || len(all) > heldPartsMax
	var batches []batch
	var stay []*heldPart
	for _, group := range c.groups(all) {
		do, rest := c.sink.config.Compact.plan(group, now, flush || !c.isCurrent(group[0]))
		batches, stay = append(batches, do...), append(stay, rest...)
	}
	batches, stay = afford(batches, stay, c.sink.joinMax, flush)
	joined, made, err := c.joinAll(ctx, e, batches)
	if err != nil {
		return nil, nil, err
	}
	held := map[*heldPart]bool{}
	for _, p := range stay {
		held[p] = true
	}
	for i, b := range batches {
		for _, p := range joined[i] {
			if b.keep {
				held[p] = true
				all = append(all, p)
				continue
			}
			publish = append(publish, p.encode(c.sink.env.Name, false))
		}
	}
	c.hold.held = slices.DeleteFunc(all, func(p *heldPart) bool { return !held[p] })
	for i, b := range batches {
		if len(joined[i]) == 1 && len(b.parts) > 1 {
			for _, in := range b.parts {
				delete(c.hold.made, in.name()) // its inputs are among those of the new part
			}
		}
	}
	maps.Copy(c.hold.made, made)
	c.hold.stale = false
	for _, p := range c.hold.held {
		keep = append(keep, p.encode(c.sink.env.Name, true))
	}
	closed, waiting := c.settleMarks(e, now.UnixMilli(), final)
	publish, keep = append(publish, closed...), append(keep, waiting...)
	c.sink.metrics.holds(c.hold.held)
	return publish, keep, nil
}

// withPrepared returns what is held with what was prepared behind it. Parts of a sink that holds
// nothing back any more say nothing of a hold.
func (c *committer) withPrepared(
	ctx context.Context, e checkpoint.Epoch, now time.Time, prepared []checkpoint.Committable,
) ([]*heldPart, error) {
	added, err := c.heldParts(ctx, prepared)
	if err != nil {
		return nil, err
	}
	for _, p := range c.hold.held {
		p.hold.since = min(p.hold.since, now.UnixMilli()) // the clock was set back
	}
	for _, p := range added {
		p.epoch, p.hold.since = e, now.UnixMilli()
		c.noteMark(p)
	}
	return slices.Concat(c.hold.held, added), nil
}

func (c *committer) heldParts(
	ctx context.Context, cs []checkpoint.Committable,
) ([]*heldPart, error) {
	items, err := c.items(ctx, cs)
	if err != nil {
		return nil, err
	}
	parts := make([]*heldPart, len(items))
	for i, it := range items {
		parts[i] = &heldPart{
			committable: it.committable, fs: it.fs, task: it.task, claim: it.claim, epoch: it.epoch,
		}
		if it.hold == nil {
			parts[i].hold = &hold{}
		}
	}
	return parts, nil
}

// isCurrent tells that p is a part as the sink writes them now. Others, of a job file that was
// changed since, are published as they are.
func (c *committer) isCurrent(p *heldPart) bool {
	return p.base == c.sink.config.Path && p.hold.form == c.sink.form
}

// groups divides parts by what may become one file: bucket, form, and task unless tasks are joined.
// Within a group the parts that were joined most often come first, which are the oldest.
func (c *committer) groups(parts []*heldPart) [][]*heldPart {
	at := map[string]int{}
	var groups [][]*heldPart
	for _, p := range parts {
		key := p.base + "\x00" + path.Dir(p.token.Target) + "\x00" + p.hold.form
		if !c.sink.config.Compact.Tasks {
			key += fmt.Sprint("\x00", p.task)
		}
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *heldPart) int { return b.hold.tier - a.hold.tier })
	}
	return groups
}

// joinAll carries the batches out, some at a time, and returns the parts that each became, with
// what the joined ones were made of. On an error what was joined already goes.
func (c *committer) joinAll(
	ctx context.Context, e checkpoint.Epoch, batches []batch,
) (done [][]*heldPart, made map[string][]filesystem.Token, err error) {
	done, made = make([][]*heldPart, len(batches)), map[string][]filesystem.Token{}
	var numbers []int
	for i, b := range batches {
		if b.join && c.isCurrent(b.parts[0]) {
			numbers = append(numbers, i)
			continue
		}
		done[i] = b.parts
	}
	first := c.hold.next
	c.hold.next += uint64(len(numbers))
	var mu sync.Mutex
	err = inParallel(joinsMax, numbers, func(i int) error {
		number := first + uint64(slices.Index(numbers, i))
		p, err := c.join(ctx, e, batches[i], number)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		done[i] = []*heldPart{p}
		for _, in := range batches[i].parts {
			made[p.name()] = append(append(made[p.name()], in.token), c.hold.made[in.name()]...)
		}
		return nil
	})
	if err != nil {
		for _, i := range numbers {
			for _, p := range done[i] {
				c.discard(ctx, p.fs, p.token)
			}
		}
	}
	return done, made, err
}

// discard removes what nobody needs. What stays is a stray that a later claim removes.
func (c *committer) discard(ctx context.Context, fs filesystem.FileSystem, t filesystem.Token) {
	if err := fs.Discard(context.WithoutCancel(ctx), t); err != nil {
		c.sink.env.Logger.Warn("removing a part that is not needed any more", "part", t.Target,
			"error", err)
	}
}

// resume goes on with what the last decided epoch holds back. After a start at an older epoch some
// of it may have been published since; everything else must be there.
func (c *committer) resume(
	ctx context.Context, keep checkpoint.Retained, later *successors,
) error {
	c.hold = newHolder()
	err := c.judgeHeld(ctx, keep, later, func(p *heldPart, excuse string, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("going on with %s: %w; put its pending form back, or bear the loss with "+
				"`wasmflow fsck --accept-missing %s JOB.toml`", p.token.Target, err, p.token.Target)
		case excuse != "":
			c.hold.stale = true
			c.sink.env.Logger.Info("a part is not held back any more", "part", p.token.Target,
				"excuse", excuse)
		case p.hold.mark:
			c.hold.marks[path.Dir(p.token.Target)] = p
		default:
			c.hold.held = append(c.hold.held, p)
		}
		return nil
	})
	c.sink.metrics.holds(c.hold.held)
	return err
}

// judgeHeld tells of every part that is held back whether it is there: with neither an excuse nor
// an error it is. It ends with the first error of tell.
func (c *committer) judgeHeld(
	ctx context.Context, keep checkpoint.Retained, later *successors,
	tell func(p *heldPart, excuse string, err error) error,
) error {
	held, err := c.heldParts(ctx, keep.Held)
	if err != nil {
		return err
	}
	pending := map[string]map[string]int64{} // by base: name of a part to its length
	for _, p := range held {
		if p.hold.mark {
			if err := tell(p, "", nil); err != nil {
				return err
			}
			continue
		}
		if pending[p.base] == nil {
			if pending[p.base], err = c.pendingAt(ctx, place{p.fs, p.root}); err != nil {
				return err
			}
		}
		shown, err := later.isShown(ctx, p.name())
		if err != nil {
			return err
		}
		size, there := pending[p.base][p.name()]
		excuse, problem := p.judge(shown, there, size, slices.Contains(keep.Accepted, p.token.Target))
		if err := tell(p, excuse, problem); err != nil {
			return err
		}
	}
	return nil
}

// judge says why a part is not held any more, or what is wrong with it.
func (p *heldPart) judge(shown, there bool, size int64, accepted bool) (string, error) {
	switch {
	case shown:
		return "it is published by now", nil
	case there && (size == p.token.Size || size == filesystem.SizeUnknown):
		return "", nil
	case accepted:
		return "a person accepted its loss", nil
	case there:
		return "", fmt.Errorf("its pending form has %d bytes, epoch %d decided %d: %w", size, p.epoch,
			p.token.Size, filesystem.ErrDamaged)
	}
	return "", fmt.Errorf("%d records held back since epoch %d are not there: %w", p.records, p.epoch,
		checkpoint.ErrLost)
}

// joinedName names a joined part like those of a task that does not exist: no other part of this
// claim has the name (B2).
func (c *committer) joinedName(in *heldPart, number uint64) filesystem.PendingName {
	s := c.sink
	part := strings.Join([]string{
		s.config.PartPrefix, s.env.JobID, s.env.Name, fmt.Sprint(s.env.Parallelism),
		fmt.Sprint(c.claim), c.nonce, fmt.Sprint(number),
	}, "-") + s.suffix
	return filesystem.PendingName{
		Root: in.root, Job: s.env.JobID, Part: part,
		Target: path.Join(path.Dir(in.token.Target), part), Claim: c.claim, Readable: true,
	}
}

var _ checkpoint.Settler = (*committer)(nil)
