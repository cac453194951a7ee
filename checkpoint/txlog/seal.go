package txlog

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/failpoint"
)

// Seal implements checkpoint.Sealer. The lock is not asked for: the log that the job moves to has
// it, since both have the same store.
func (l *Log) Seal(ctx context.Context, newLog string) (checkpoint.Manifest, error) {
	var last error
	for range claimAttemptsMax {
		m, err := l.seal(ctx, newLog)
		if err == nil || !errors.Is(err, errInterrupted) {
			return m, err
		}
		last = err
	}
	return checkpoint.Manifest{}, fmt.Errorf("%w (%d times)", last, claimAttemptsMax)
}

// seal is one attempt.
func (l *Log) seal(ctx context.Context, newLog string) (checkpoint.Manifest, error) {
	doing := fmt.Sprintf("closing log %s of job %q for log %s", l.opts.Name, l.job, newLog)
	b, err := l.look(ctx, doing)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	if standing, sealed, err := sealedFor(doing, b, newLog); sealed {
		return standing, err // nothing can follow a seal: its fence came before it
	}
	if b, err = l.fenceAndRead(ctx, doing, b); err != nil {
		return checkpoint.Manifest{}, err
	}
	if standing, sealed, err := sealedFor(doing, b, newLog); sealed {
		return standing, err
	}
	s := l.succession(b)
	s.Kind, s.Log = checkpoint.KindSeal, newLog
	record := s.Record()
	if err := l.publish(ctx, doing, record); err != nil {
		return checkpoint.Manifest{}, err
	}
	_ = failpoint.Hit("txlog/sealed")
	return record, nil
}

// sealedFor tells that the log is closed already, which is an error unless it is for newLog.
func sealedFor(doing string, b base, newLog string) (checkpoint.Manifest, bool, error) {
	if !b.found || b.last.Kind != checkpoint.KindSeal {
		return checkpoint.Manifest{}, false, nil
	}
	if b.last.Log != newLog {
		return checkpoint.Manifest{}, true, fmt.Errorf("%s: %w: it was closed by %s when the job moved "+
			"to log %q; set checkpoint.log to that first", doing, checkpoint.ErrRefused, b.last.Owner,
			b.last.Log)
	}
	return b.last, true, nil
}

// sealPrevious closes the log that the job used last and returns the record that closes it; false
// is that the job stays with this log (T8).
func (l *Log) sealPrevious(
	ctx context.Context, doing string, b base,
) (checkpoint.Manifest, bool, error) {
	previous := b.inUse(l.opts.Name)
	if previous == l.opts.Name {
		return checkpoint.Manifest{}, false, nil
	}
	seal, err := checkpoint.SealPrevious(ctx, l.opts.Previous, previous, l.opts.Name)
	if err != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return seal, true, err
}
