package bucketing

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// join makes one part of the parts of b, in their order, durable and invisible. They stay as they are.
func (c *committer) join(
	ctx context.Context, e checkpoint.Epoch, b batch, number uint64,
) (*heldPart, error) {
	first := b.parts[0]
	name := c.joinedName(first, number)
	out, err := first.fs.CreatePending(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("joining %d parts of %s: %w", len(b.parts), name.Target, err)
	}
	joined := &heldPart{
		committable: committable{base: first.base, root: first.root, hold: &hold{
			form: first.hold.form, since: first.hold.since, tier: first.hold.tier + 1,
		}},
		fs: first.fs, task: c.sink.env.Parallelism, claim: c.claim, epoch: e,
	}
	if !c.sink.config.Compact.Tasks {
		joined.task = first.task // it may be joined again, with those of this task only
	}
	joining, err := c.sink.joiner.Join(out)
	for _, p := range b.parts {
		if err == nil {
			err = addPart(ctx, joining, p)
		}
		if err != nil {
			break
		}
		joined.records += p.records
		joined.hold.since = min(joined.hold.since, p.hold.since)
		joined.hold.until = max(joined.hold.until, p.hold.until)
		joined.hold.inputs = append(joined.hold.inputs, p.name())
	}
	if err == nil {
		err = joining.Close()
	}
	if err == nil {
		joined.token, err = out.Close(ctx)
	}
	if err == nil {
		err = failpoint.Hit("bucketing/after-join")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("joining parts into %s: %w", name.Target, err),
			out.Abort(context.WithoutCancel(ctx)))
	}
	c.sink.metrics.joined(len(b.parts), joined.token.Size)
	return joined, nil
}

func isNotFound(err error) bool { return errors.Is(err, filesystem.ErrNotFound) }

// dropInputs removes what the published parts were joined from (B7). Other epochs may still name
// these: whoever goes back to one sees that their records are published.
func (c *committer) dropInputs(ctx context.Context, published []item) error {
	type input struct {
		fs    filesystem.FileSystem
		token filesystem.Token
	}
	var inputs []input
	for _, it := range published {
		for _, t := range c.hold.made[it.name()] {
			inputs = append(inputs, input{it.fs, t})
		}
		delete(c.hold.made, it.name())
	}
	if len(inputs) == 0 {
		return nil
	}
	if err := failpoint.Hit("bucketing/before-drop"); err != nil {
		return err
	}
	return inParallel(publishesMax, inputs, func(in input) error {
		c.discard(ctx, in.fs, in.token)
		return failpoint.Hit("bucketing/after-drop")
	})
}
