package storelog

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// Seal implements checkpoint.Sealer. The lock is not asked for: the log that the job moves to has
// it, since both have the same folder.
func (l *Log) Seal(
	ctx context.Context, newLog string, after checkpoint.Epoch,
) (checkpoint.Manifest, error) {
	doing := fmt.Sprintf("closing log %s of job %q for log %s", Name, l.job, newLog)
	var standing checkpoint.Manifest
	record, _, err := l.succeed(ctx, doing, func(b *base, s *checkpoint.Succession) error {
		m, done, err := checkpoint.Sealed(b.last, b.found, Name, newLog, after)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", doing, err)
		case done:
			standing = m
			return errSealed
		}
		s.Kind, s.Log = checkpoint.KindSeal, newLog
		return nil
	}, func(context.Context, checkpoint.Manifest) error { return nil })
	if errors.Is(err, errSealed) {
		return standing, nil
	}
	if err == nil {
		_ = failpoint.Hit("storelog/sealed")
	}
	return record, err
}

// move brings the job here from the log that it used before, once for all attempts of a claim.
type move struct {
	log  *Log
	seal *checkpoint.Manifest // that closes the other log; nil before it is asked for
}

// follow has b build on the seal of the other log when the job comes from one.
func (v *move) follow(ctx context.Context, doing string, b *base) error {
	previous := checkpoint.Previous(Name, b.last, b.found, b.hint)
	if previous == "" {
		return nil
	}
	if v.seal == nil {
		seal, err := checkpoint.SealPrevious(ctx, v.log.opts.Previous, previous, Name, b.last)
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
			checkpoint.ErrRefused, previous, b.last.Epoch, b.marked)
	}
	return nil
}
