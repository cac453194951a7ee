package storelog

import (
	"context"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// Seal implements checkpoint.Sealer. The lock is not asked for: the log that the job moves to has
// it, since both have the same folder.
func (l *Log) Seal(ctx context.Context, newLog string) (checkpoint.Manifest, error) {
	doing := fmt.Sprintf("closing log %s of job %q for log %s", Name, l.job, newLog)
	var standing *checkpoint.Manifest
	record, _, err := l.succeed(ctx, doing, func(b *base, s *checkpoint.Succession) error {
		if b.found && b.last.Kind == checkpoint.KindSeal {
			standing = &b.last
			return errSealed
		}
		s.Kind, s.Log = checkpoint.KindSeal, newLog
		return nil
	}, func(context.Context, checkpoint.Manifest) error { return nil })
	switch {
	case standing == nil:
		if err == nil {
			_ = failpoint.Hit("storelog/sealed")
		}
		return record, err
	case standing.Log != newLog:
		return checkpoint.Manifest{}, fmt.Errorf("%s: %w: it was closed by %s when the job moved to "+
			"log %q; set checkpoint.log to that first", doing, checkpoint.ErrRefused, standing.Owner,
			standing.Log)
	}
	return *standing, nil
}

// checkOpen refuses a log that was closed although the folder still has it as the one in use: the
// move to the other log has begun, and only that log knows how far it got.
func (l *Log) checkOpen(doing string, b base) error {
	if !b.found || b.last.Kind != checkpoint.KindSeal || b.inUse != Name {
		return nil
	}
	return fmt.Errorf("%s: %w: its log moved from the store to %q with %s; set checkpoint.log to "+
		"that; once the job has run there it can move back",
		doing, checkpoint.ErrRefused, b.last.Log, b.last.Owner)
}

// move brings the job here from the log that it used before, once for all attempts of a claim.
type move struct {
	log  *Log
	seal *checkpoint.Manifest // that closes the other log; nil before it is asked for
}

// follow has b build on the seal of the other log when the job comes from one.
func (v *move) follow(ctx context.Context, doing string, b *base) error {
	if b.inUse == Name {
		return nil
	}
	if v.seal == nil {
		seal, err := checkpoint.SealPrevious(ctx, v.log.opts.Previous, b.inUse, Name)
		if err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
		v.seal = &seal
	}
	last, err := checkpoint.Imported(b.last, b.found, *v.seal)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	b.last, b.found = last, true
	if b.last.Epoch < b.marked && !v.log.opts.Fresh && v.log.opts.Restore == 0 {
		return fmt.Errorf("%s: %w: log %s ends at record %d, but record %d was there before; bring its "+
			"records back, or say where to start with --epoch N or --fresh", doing,
			checkpoint.ErrRefused, b.inUse, b.last.Epoch, b.marked)
	}
	return nil
}
