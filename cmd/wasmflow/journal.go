package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/wasmflow/wasmflow/checkpoint"
	"github.com/wasmflow/wasmflow/checkpoint/storelog"
	"github.com/wasmflow/wasmflow/checkpoint/txlog"
	"github.com/wasmflow/wasmflow/host/config"
	"github.com/wasmflow/wasmflow/host/task"
)

// journal reads the commit log that a job uses, wherever its records are. It claims nothing and
// changes nothing.
type journal interface {
	// Last reads the newest record; false is a job that never ran.
	Last(ctx context.Context) (checkpoint.Manifest, bool, error)
	// LoadEpoch reads the decided epoch n.
	LoadEpoch(ctx context.Context, n checkpoint.Epoch) (checkpoint.Manifest, error)
	// Decided reads the decided epochs that are kept, newest first. Older ones that cannot be read
	// end the list with an error.
	Decided(ctx context.Context) ([]checkpoint.Manifest, error)
	Close() error
}

// logInUse returns the name of the log that holds the job's last epochs, as far as the store
// remembers, else "".
func (s *store) logInUse(ctx context.Context) string {
	hint, found, err := s.view.Hint(ctx)
	if err != nil || !found {
		return "" // a claim meets the error again and says what to do
	}
	return hint.Log
}

// decider returns where the job's epochs are decided from now on: a job file that leaves the choice
// open stays with the log that is in use if it can. A log whose sink got another name keeps its
// own: openJournal looks whether it is that log.
func (s *store) decider(ctx context.Context, job *config.Job) config.Decider {
	d, inUse := job.Decider, s.logInUse(ctx)
	sink := sinkOfLog(job, inUse)
	switch {
	case sink != nil && job.Checkpoint.Log == config.LogAuto:
		return job.DeciderAt(sink.Name)
	case sink == nil && d.Sink != nil && inUse != "" && inUse != config.LogStore:
		d.Log = inUse
	}
	return d
}

// openJournal opens the log that holds the job's last epochs for reading.
func openJournal(ctx context.Context, p *process, s *store, job *config.Job) (journal, error) {
	name := s.logInUse(ctx)
	if name == "" {
		name = s.decider(ctx, job).Log
	}
	if name == config.LogStore {
		return storeJournal{s.view}, nil
	}
	sink := sinkOfLog(job, name)
	renamed := sink == nil
	if renamed {
		sink = job.Decider.Sink
	}
	if sink == nil {
		return nil, refuse(job, "checkpoint.log", errNoSink(name))
	}
	l := logs{p: p, store: s, job: job, logger: quiet()}
	session, err := l.session(ctx, sink, true)
	if err != nil {
		return nil, &startError{blame(job, task.AtStage(sink.Name, err, "opening log %s", name))}
	}
	j := &topicJournal{txlog.NewView(session, name, job.Name), sink.Name, session.Close}
	if renamed && !s.isLogInUse(ctx, j) {
		return nil, errors.Join(refuse(job, "checkpoint.log", errNoSink(name)), j.Close())
	}
	return j, nil
}

func errNoSink(log string) error {
	return fmt.Errorf("%w: the job's last epochs are in %s, and no sink of that name is in the job "+
		"file; put it back; a run with it and checkpoint.log = \"store\" closes that log, and then "+
		"it may go", checkpoint.ErrRefused, log)
}

// isLogInUse reports whether j reads the log that the store remembers, beside a sink that has
// another name by now.
func (s *store) isLogInUse(ctx context.Context, j *topicJournal) bool {
	hint, found, err := s.view.Hint(ctx)
	if err != nil || !found {
		return false
	}
	last, found, err := j.Last(ctx)
	return err == nil && found && last.JobID == hint.JobID && last.Log == hint.Log
}

// unreadableJournal words an error of reading j.
func unreadableJournal(job *config.Job, j journal, err error) error {
	if b, ok := j.(*borrowedJournal); ok {
		j = b.journal
	}
	if t, ok := j.(*topicJournal); ok {
		return &startError{blame(job, task.AtStage(t.sink, err, "reading log %s", t.Name()))}
	}
	return unreadableStore(job, err)
}

// storeJournal is a log in the checkpoint store.
type storeJournal struct{ *storelog.View }

// Decided implements journal.
func (j storeJournal) Decided(ctx context.Context) ([]checkpoint.Manifest, error) {
	return j.Chain(ctx)
}

// Close implements journal.
func (storeJournal) Close() error { return nil }

// topicJournal is a log in a topic.
type topicJournal struct {
	*txlog.View
	sink  string // beside whose topics it is
	close func() error
}

// borrowedJournal is a journal that needs something else as long as it is open.
type borrowedJournal struct {
	journal
	release func()
}

// Close implements journal.
func (j *borrowedJournal) Close() error {
	defer j.release()
	return j.journal.Close()
}

// epochsShown is how many decided epochs of a topic are read for people: some to go back to. All of
// them may be thousands until the topic is compacted.
const epochsShown = 20

// Decided implements journal.
func (j *topicJournal) Decided(ctx context.Context) ([]checkpoint.Manifest, error) {
	records, err := j.Records(ctx, epochsShown)
	var out []checkpoint.Manifest
	for _, m := range records {
		if m.Kind == checkpoint.KindEpoch {
			out = append(out, m)
		}
	}
	return out, err
}

// Close implements journal.
func (j *topicJournal) Close() error { return j.close() }

// consequences says what an unusual start does to output that is there already. It is empty for
// a job that has decided nothing, and for an ordinary start.
func consequences(ctx context.Context, j journal, o startOptions) (string, error) {
	if s, ok := j.(storeJournal); ok {
		return s.Consequences(ctx, o.fresh, o.epoch)
	}
	if !o.fresh && o.epoch == 0 {
		_, _, err := j.Last(ctx)
		return "", err
	}
	decided, err := j.Decided(ctx)
	switch {
	case len(decided) == 0 && err == nil && o.epoch != 0:
		return "", fmt.Errorf("%w: the job has decided no epoch yet; start it without naming one",
			checkpoint.ErrRefused)
	case len(decided) == 0:
		return "", err
	case o.fresh:
		return checkpoint.Consequences(decided[0].JobName, decided[0], nil), nil
	}
	from, err := j.LoadEpoch(ctx, o.epoch)
	if err != nil {
		return "", err
	}
	return checkpoint.Consequences(from.JobName, decided[0], &from), nil
}
