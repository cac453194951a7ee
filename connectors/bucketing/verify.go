package bucketing

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/connectors/filesystem"
)

// Verify implements checkpoint.Verifier: it looks for every part under its final name and among
// the pending ones.
func (c *committer) Verify(
	ctx context.Context, committed []checkpoint.Committable, keep checkpoint.Retained,
) ([]checkpoint.Finding, error) {
	items, err := c.items(ctx, committed)
	if err != nil {
		return nil, err
	}
	pending := map[string]map[string]int64{} // by base: name of a part to its length
	var findings []checkpoint.Finding
	for _, it := range items {
		if it.isMark() {
			continue // it holds nothing, and the next claim writes it
		}
		if pending[it.base] == nil {
			if pending[it.base], err = c.pendingAt(ctx, place{it.fs, it.root}); err != nil {
				return nil, err
			}
		}
		finding, err := it.verify(ctx, pending[it.base], keep)
		if err != nil {
			return nil, err
		}
		if finding.Text != "" {
			findings = append(findings, finding)
		}
	}
	held, err := c.verifyHeld(ctx, keep)
	return append(findings, held...), err
}

// verifyHeld looks for what is held back among the pending parts.
func (c *committer) verifyHeld(
	ctx context.Context, keep checkpoint.Retained,
) (findings []checkpoint.Finding, err error) {
	later, err := c.successors(ctx, keep)
	if err != nil {
		return nil, err
	}
	err = c.judgeHeld(ctx, keep, later, func(p *heldPart, excuse string, problem error) error {
		found := checkpoint.Finding{Severity: checkpoint.Problem, Subject: p.token.Target}
		switch {
		case problem != nil:
			found.Text = problem.Error()
			found.Remedy = "put it back, or bear the loss with --accept-missing " + p.token.Target
		case excuse != "":
			found.Severity, found.Text = checkpoint.Note, "it is not held back any more: "+excuse
		default:
			return nil
		}
		findings = append(findings, found)
		return nil
	})
	return findings, err
}

// pendingAt returns the names of the pending parts of the job at a place with their lengths, where
// a listing tells them.
func (c *committer) pendingAt(ctx context.Context, at place) (map[string]int64, error) {
	parts := map[string]int64{}
	for stray, err := range at.fs.ListStrays(ctx, at.root, c.sink.env.JobID) {
		if err != nil {
			return nil, fmt.Errorf("listing pending parts below %s: %w", at.root, err)
		}
		parts[stray.Part] = stray.Token.Size
	}
	return parts, nil
}

// verify tells what is wrong with one part; a zero Finding is nothing.
func (it item) verify(ctx context.Context, pending map[string]int64, keep checkpoint.Retained,
) (checkpoint.Finding, error) {
	target := it.token.Target
	found := checkpoint.Finding{Severity: checkpoint.Problem, Subject: target}
	info, err := it.fs.Stat(ctx, target)
	switch {
	case err == nil && info.Size != it.token.Size:
		found.Text = fmt.Sprintf("it has %d bytes, epoch %d decided %d", info.Size, it.epoch,
			it.token.Size)
		found.Remedy = "somebody changed it: put it back as it was, or move it away"
		return found, nil
	case err == nil:
		return checkpoint.Finding{}, nil
	case !errors.Is(err, filesystem.ErrNotFound):
		return found, err
	}
	switch size, ok := pending[path.Base(target)]; {
	case ok && (size == it.token.Size || size == filesystem.SizeUnknown):
		return checkpoint.Finding{}, nil // the next claim publishes it
	case ok:
		found.Text = fmt.Sprintf("its pending form has %d bytes, epoch %d decided %d", size, it.epoch,
			it.token.Size)
		found.Remedy = "something outside damaged it: put it back from a backup"
		return found, nil
	}
	if excuse := it.excuse(keep); excuse != "" {
		found.Severity, found.Text = checkpoint.Note, "it is missing: "+excuse
		return found, nil
	}
	found.Text = fmt.Sprintf("%d records of epoch %d are neither published nor pending", it.records,
		it.epoch)
	found.Remedy = "put it back, or bear the loss with --accept-missing " + target
	return found, nil
}

var _ checkpoint.Verifier = (*committer)(nil)
