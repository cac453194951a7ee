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
func (l *Log) Seal(
	ctx context.Context, newLog string, after checkpoint.Epoch,
) (checkpoint.Manifest, error) {
	var last error
	for range claimAttemptsMax {
		m, err := l.seal(ctx, newLog, after)
		if err == nil || !errors.Is(err, errInterrupted) {
			return m, err
		}
		last = err
	}
	return checkpoint.Manifest{}, fmt.Errorf("%w (%d times)", last, claimAttemptsMax)
}

// seal is one attempt.
func (l *Log) seal(
	ctx context.Context, newLog string, after checkpoint.Epoch,
) (checkpoint.Manifest, error) {
	doing := fmt.Sprintf("closing log %s of job %q for log %s", l.opts.Name, l.job, newLog)
	b, err := l.look(ctx, doing)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	if m, done, err := l.sealed(doing, b, newLog, after); done {
		return m, err // nothing can follow a seal: its fence came before it
	}
	if b, err = l.fenceAndRead(ctx, doing, b); err != nil {
		return checkpoint.Manifest{}, err
	}
	if m, done, err := l.sealed(doing, b, newLog, after); done {
		return m, err
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

func (l *Log) sealed(
	doing string, b base, newLog string, after checkpoint.Epoch,
) (checkpoint.Manifest, bool, error) {
	m, done, err := checkpoint.Sealed(b.last, b.found, l.opts.Name, newLog, after)
	if err != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return m, done, err
}

// sealPrevious closes the log from which the job comes and returns the record that closes it; false
// is that the job stays with this log (T8).
func (l *Log) sealPrevious(
	ctx context.Context, doing string, b base,
) (checkpoint.Manifest, bool, error) {
	previous := l.previousLog(b)
	if previous == "" {
		return checkpoint.Manifest{}, false, nil
	}
	seal, err := checkpoint.SealPrevious(ctx, l.opts.Previous, previous, l.opts.Name, b.last)
	if err != nil {
		err = fmt.Errorf("%s: %w", doing, err)
	}
	return seal, true, err
}

// previousLog returns the log from which the job comes; "" is that it stays with this one.
func (l *Log) previousLog(b base) string {
	return checkpoint.Previous(l.opts.Name, b.last, b.found, b.hint)
}
