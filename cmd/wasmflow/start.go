package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/host"
	"github.com/wasmflow/wasmflow/host/config"
)

// beginning is all that a run needs before anything is claimed.
type beginning struct {
	engine *host.Engine
	card   *announcedLog
	before checkpoint.Manifest // what the run builds on; zero is nothing
}

func (b *beginning) close(ctx context.Context) error {
	return errors.Join(b.engine.Close(ctx), b.card.Close())
}

// begin reads what the run builds on, loads the plugins, looks at the outside and opens the commit
// log: whatever is wrong is told before anything is claimed. The input of a job that ran before may
// have been tidied away, so only its first start looks at that.
func begin(ctx context.Context, p *process, s *store, job *config.Job, o *runOptions,
	logger *slog.Logger,
) (b *beginning, err error) {
	b = &beginning{card: &announcedLog{store: s, lasting: o.lasting}}
	if b.before, err = announceStart(ctx, p, s, job, o.start); err != nil {
		return nil, err
	}
	if err := checkSources(job, b.before, o.drop); err != nil {
		return nil, err
	}
	decider := s.decider(ctx, job)
	if decider.Sink != nil {
		b.card.sink = decider.Sink.Name
	}
	run := running{log: b.card, decider: decider, drop: o.drop, read: s.view.ReadModule}
	if !b.before.Finished() {
		run.kept = b.before.Modules
	}
	b.engine, err = newEngine(ctx, p, job, run, logger)
	if err != nil {
		return nil, err
	}
	err = checkConnectors(ctx, p, job, b.before.Epoch == 0)
	if err == nil {
		l := &logs{p: p, store: s, job: job, start: o.start, logger: logger}
		b.card.commitLog, err = l.open(ctx, decider)
	}
	if err != nil {
		return nil, errors.Join(err, b.engine.Close(ctx))
	}
	logger.Info("starting", "job", job.Name, "guarantee", job.Guarantee(), "log", decider.Log)
	return b, nil
}

// announceStart tells what an unusual start does to output that is there already. It returns the
// record that the run will build on; that of a job that never ran is zero.
func announceStart(ctx context.Context, p *process, s *store, job *config.Job, o startOptions,
) (base checkpoint.Manifest, err error) {
	j, err := openJournal(ctx, p, s, job)
	if err != nil {
		return checkpoint.Manifest{}, err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	text, err := consequences(ctx, j, o)
	if o.epoch != 0 && errors.Is(err, checkpoint.ErrRefused) {
		return checkpoint.Manifest{}, usagef("run", "--epoch %d: %v", o.epoch, err)
	}
	if err != nil {
		return checkpoint.Manifest{}, unreadableJournal(job, j, err)
	}
	if text != "" {
		fmt.Fprintf(p.stderr, "wasmflow: %s\n", text)
	}
	// An error is left to the claim, which meets it again and says what to do.
	switch {
	case o.fresh:
		return checkpoint.Manifest{}, nil
	case o.epoch != 0:
		base, _ := j.LoadEpoch(ctx, o.epoch)
		return base, nil
	}
	base, _, _ = j.Last(ctx)
	return base, nil
}
